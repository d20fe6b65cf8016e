// Ranking of pairs by graded scores: CoSENT and AnglE.
#pragma once

#include <ATen/core/Tensor.h>

#include "vistas/base/options.h"
#include "vistas/contrast/similarity.h"

namespace vistas::contrast {

struct CosentOptions {
  double scale = 20;
  Similarity similarity = Similarity::cosine;

  void fields(Fields& f) {
    f.add("scale", scale, "multiplies the similarities, one over a temperature", {1e-4, 1e6});
    f.add("similarity", similarity, "how two embeddings are compared", similarity_names());
  }
};

// A pair with a higher score must be more alike than a pair with a lower one: with s_i the
// similarity of x_0[i] and x_1[i],
//
//   loss = log(1 + sum over (i, j) with score_i > score_j of exp(scale (s_j - s_i)))
//
// x_0, x_1 [N, D], score [N] of any numbers; equal scores make no pair. Returns a scalar, a sum
// over pairs and no mean; 0 without pairs. float64 is kept, everything else is computed in float32.
// Throws a usage error for shapes that do not match. Published with cosine similarity.
// Su, "CoSENT: a more effective sentence vector scheme than Sentence-BERT", 2022 (kexue.fm 8847).
at::Tensor cosent(const at::Tensor& x_0, const at::Tensor& x_1, const at::Tensor& score,
                  const CosentOptions& options = {});

struct AngleOptions {
  double scale = 20;

  void fields(Fields& f) {
    f.add("scale", scale, "multiplies the similarities, one over a temperature", {1e-4, 1e6});
  }
};

// CoSENT's ranking of the angle between rows read as complex vectors, the first half of the columns
// real, the second imaginary, with quotients z = x_0 / x_1 of complex numbers:
//
//   s = |sum_k Re z_k + sum_k Im z_k| / (|x_0| / |x_1|),   x_0 / x_1 = x_0 conj(x_1) / |x_1|^2
//
// x_0, x_1 [N, D] with D even, score [N]; a row of zeros has s = 0. Otherwise as cosent.
// Li and Li, "AnglE-optimized text embeddings", 2023, eq. 3-6.
at::Tensor angle(const at::Tensor& x_0, const at::Tensor& x_1, const at::Tensor& score,
                 const AngleOptions& options = {});

}  // namespace vistas::contrast
