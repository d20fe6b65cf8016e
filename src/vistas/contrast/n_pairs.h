// The N-pairs loss: one pair for each of N classes.
#pragma once

#include <ATen/core/Tensor.h>

#include "vistas/base/options.h"
#include "vistas/contrast/similarity.h"

namespace vistas::contrast {

struct NPairsOptions {
  double l2 = 0;
  Similarity similarity = Similarity::dot;

  void fields(Fields& f) {
    f.add("l2", l2, "weight of the squared length of the embeddings", {0, 1e4});
    f.add("similarity", similarity, "how two embeddings are compared", similarity_names());
  }
};

// Every anchor must find its positive among the positives of the other classes:
//
//   loss = mean_i log(1 + sum_{j != i} exp(s(a_i, p_j) - s(a_i, p_i)))
//          + l2 (mean_i |a_i|^2 + mean_i |p_i|^2) / 4
//
// anchor, positive [N, D], row i of both of class i, all classes different. Returns a scalar; with
// N = 1 the first term is 0. float64 is kept, everything else is computed in float32. Throws a
// usage error for shapes that do not match. Published with the dot product. Sohn, "Improved deep
// metric learning with multi-class N-pair loss objective", 2016, eq. 7.
at::Tensor n_pairs(const at::Tensor& anchor, const at::Tensor& positive,
                   const NPairsOptions& options = {});

}  // namespace vistas::contrast
