// SigLIP: every pair of a batch is a yes-or-no question of its own.
#pragma once

#include <ATen/core/Tensor.h>

#include "vistas/base/options.h"
#include "vistas/contrast/similarity.h"

namespace vistas::contrast {

struct SiglipOptions {
  Similarity similarity = Similarity::cosine;
  bool bf16 = false;

  void fields(Fields& f) {
    f.add("similarity", similarity, "how two embeddings are compared", similarity_names());
    f.add("bf16", bf16, kBf16Help);
  }
};

// Sigmoid loss of S = exp(log_scale) s(q, k) + bias, where only the diagonal are pairs:
//
//   loss = -(1 / N) sum_i ( log sigmoid(S_ii) + sum_{j != i} log sigmoid(-S_ij) )
//
// a sum over columns and a mean over rows. q, k [N, D]; log_scale and bias are one number each and
// get gradients; the paper begins with ln 10 (LearnedTemperature of 0.1) and -10. `group` [N] int64
// may be undefined: pairs of equal group are the same thing and their j != i do not count. Types,
// precision and errors as nt_xent. The literature uses cosine.
// Zhai et al., "Sigmoid loss for language image pre-training", 2023, algorithm 1.
at::Tensor siglip(const at::Tensor& q, const at::Tensor& k, const at::Tensor& log_scale,
                  const at::Tensor& bias, const SiglipOptions& options = {},
                  const at::Tensor& group = {});

}  // namespace vistas::contrast
