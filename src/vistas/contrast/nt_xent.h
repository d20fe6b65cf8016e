// NT-Xent, the loss of SimCLR.
#pragma once

#include <ATen/core/Tensor.h>

#include "vistas/base/options.h"
#include "vistas/contrast/similarity.h"

namespace vistas::contrast {

struct NtXentOptions {
  double temperature = 0.1;
  Similarity similarity = Similarity::cosine;
  bool bf16 = false;

  void fields(Fields& f) {
    f.add("temperature", temperature, "divides the similarities; small is sharp", {1e-4, 1e4});
    f.add("similarity", similarity, "how two embeddings are compared", similarity_names());
    f.add("bf16", bf16, kBf16Help);
  }
};

// Normalised temperature-scaled cross entropy: every row of the 2N embeddings Z = [z_a; z_b] must
// find its partner p(i), row i of the other view, among all other rows:
//
//   loss = mean_i  -log( exp(s(i, p(i)) / T) / sum_{j != i} exp(s(i, j) / T) )
//
// z_a, z_b [N, D] of one type and device; float64 is kept, everything else is computed in float32,
// also under autocast. `group` [N] int64 may be undefined: samples of equal group are the same
// thing and no negatives of each other, so they leave the sum. Returns a scalar; with N = 1 there
// are no negatives and it is 0. Gradients are of first order only. Throws a usage error for shapes,
// types or devices that do not match. The literature uses cosine. Chen et al., "A simple framework
// for contrastive learning of visual representations", 2020, eq. 1.
at::Tensor nt_xent(const at::Tensor& z_a, const at::Tensor& z_b, const NtXentOptions& options = {},
                   const at::Tensor& group = {});

}  // namespace vistas::contrast
