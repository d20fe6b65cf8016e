// The circle loss: every similarity is pulled as hard as it is far from its optimum.
#pragma once

#include <ATen/core/Tensor.h>

#include "vistas/base/options.h"
#include "vistas/contrast/similarity.h"

namespace vistas::contrast {

struct CircleOptions {
  double margin = 0.25;
  double gamma = 256;
  Similarity similarity = Similarity::cosine;

  void fields(Fields& f) {
    f.add("margin", margin, "relaxation: positives aim at 1 + margin, negatives at -margin",
          {-1, 1});
    f.add("gamma", gamma, "scale of the similarities", {1e-4, 1e6});
    f.add("similarity", similarity, "how two embeddings are compared", similarity_names());
  }
};

// With s the similarities of row i to its positives P and negatives Q, m the margin, and weights
// a_p = max(0, 1 + m - s_p), a_n = max(0, s_n + m) that carry no gradient:
//
//   loss = mean_i log(1 + sum_{n in Q} exp(gamma a_n (s_n - m)) *
//                         sum_{p in P} exp(-gamma a_p (s_p - 1 + m)))
//
// z [N, D], labels [N]; the mean is over the rows that have positives and negatives, 0 if none has.
// Returns a scalar. float64 is kept, everything else is computed in float32. Throws a usage error
// for shapes that do not match. Published with cosine similarity, whose optima 1 and 0 it presumes.
// Sun et al., "Circle loss: a unified perspective of pair similarity optimization", 2020, eq. 4-8.
at::Tensor circle(const at::Tensor& z, const at::Tensor& labels, const CircleOptions& options = {});

}  // namespace vistas::contrast
