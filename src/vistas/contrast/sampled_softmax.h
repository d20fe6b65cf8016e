// Softmax over items drawn for the whole batch.
#pragma once

#include <ATen/core/Tensor.h>

#include "vistas/base/options.h"
#include "vistas/contrast/similarity.h"

namespace vistas::contrast {

struct SampledSoftmaxOptions {
  double temperature = 1;
  Similarity similarity = Similarity::dot;

  void fields(Fields& f) {
    f.add("temperature", temperature, "divides the similarities; small is sharp", {1e-4, 1e4});
    f.add("similarity", similarity, "how query and item are compared", similarity_names());
  }
};

// Query i must find its item among M others that all queries share:
//
//   loss = mean_i  -log( exp(l_i) / (exp(l_i) + sum_j exp(l_ij)) )
//   l_i = s(q_i, x_i) / T - log_q_i,   l_ij = s(q_i, n_j) / T - log_q_j
//
// q, items x [N, D], drawn negatives n [M, D]; log_q [N + M], the logs of how often items and
// negatives are expected to be drawn, may be undefined: all are drawn alike. hit [N, M] bool, true
// where negative j is the item of query i (accidental hits, left out), may be undefined. Types,
// precision and errors as nt_xent.
// Jean et al., "On using very large target vocabulary for neural machine translation", 2015;
// shared negatives with the correction: Yi et al., 2019, see in_batch_softmax.
at::Tensor sampled_softmax(const at::Tensor& q, const at::Tensor& items,
                           const at::Tensor& negatives, const SampledSoftmaxOptions& options = {},
                           const at::Tensor& log_q = {}, const at::Tensor& hit = {});

}  // namespace vistas::contrast
