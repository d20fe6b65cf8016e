// The loss of CLIP: symmetric InfoNCE between two towers with a learned temperature.
#pragma once

#include <ATen/core/Tensor.h>

#include "vistas/base/options.h"
#include "vistas/contrast/similarity.h"

namespace vistas::contrast {

struct ClipOptions {
  Similarity similarity = Similarity::cosine;
  bool bf16 = false;

  void fields(Fields& f) {
    f.add("similarity", similarity, "how two embeddings are compared", similarity_names());
    f.add("bf16", bf16, kBf16Help);
  }
};

// Rows find their columns and columns their rows in S = exp(log_scale) s(q, k):
//
//   loss = (CE(S, i) + CE(S^T, i)) / 2,   CE(S, i) = mean_i -log( exp(S_ii) / sum_j exp(S_ij) )
//
// q, k [N, D]; log_scale is one number and gets a gradient (see LearnedTemperature, which also
// clamps it; here it is taken as it is). `group` [N] int64 may be undefined: pairs of equal group
// are the same thing and no negatives of each other. Types, precision and errors as nt_xent. The
// literature uses cosine. It is info_nce_learned() in both directions.
// Radford et al., "Learning transferable visual models from natural language supervision", 2021,
// fig. 3.
at::Tensor clip_loss(const at::Tensor& q, const at::Tensor& k, const at::Tensor& log_scale,
                     const ClipOptions& options = {}, const at::Tensor& group = {});

}  // namespace vistas::contrast
