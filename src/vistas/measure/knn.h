// Weighted nearest-neighbour classification: how good features are without training anything.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "vistas/base/options.h"

namespace vistas::measure {

struct KnnOptions {
  std::vector<int64_t> k = {20, 200};
  double temperature = 0.07;

  void fields(Fields& f) {
    f.add("k", k, "numbers of neighbours, each reported by itself", {1, 1e9});
    f.add("temperature", temperature, "a neighbour votes with exp(cosine / temperature)",
          {1e-4, 100});
  }
};

struct KnnPrediction {
  int64_t k = 0;         // as asked for; a smaller bank votes with all its rows
  at::Tensor predicted;  // int64 [Q]; equal scores go to the lower class
  at::Tensor scores;     // float32 [Q, classes], each row sums to 1
};

// For every query the k bank rows of largest cosine similarity s (ties by lower index) vote:
// score(c) = sum of exp(s / temperature) over neighbours of class c, divided by the sum over all.
// bank [N, D] with bank_labels [N] in 0 .. classes-1, queries [Q, D]; one result for each k.
// Wu et al., "Unsupervised feature learning via non-parametric instance discrimination", CVPR
// 2018, section 3.4. Memory stays at Q * (largest k + classes) numbers beside the input.
std::vector<KnnPrediction> knn_classify(const at::Tensor& bank, const at::Tensor& bank_labels,
                                        const at::Tensor& queries, int64_t classes,
                                        const KnnOptions& options = {});

}  // namespace vistas::measure
