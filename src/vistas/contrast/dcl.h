// Decoupled contrastive learning: NT-Xent without the positive in the denominator.
#pragma once

#include <ATen/core/Tensor.h>

#include "vistas/base/options.h"
#include "vistas/contrast/similarity.h"

namespace vistas::contrast {

struct DclOptions {
  double temperature = 0.1;
  Similarity similarity = Similarity::cosine;
  bool bf16 = false;

  void fields(Fields& f) {
    f.add("temperature", temperature, "divides the similarities; small is sharp", {1e-4, 1e4});
    f.add("similarity", similarity, "how two embeddings are compared", similarity_names());
    f.add("bf16", bf16, kBf16Help);
  }
};

// Every row of Z = [z_a; z_b] is pulled to its partner p(i) and pushed from all rows of other
// samples, of both views:
//
//   loss = mean_i  -s(i, p(i)) / T + log sum_{j not i, p(i)} exp(s(i, j) / T)
//
// z_a, z_b [N, D]. `group` [N] int64 may be undefined: samples of equal group are the same thing
// and no negatives of each other. Rows without a negative are left out of the mean; without any
// (N = 1) the loss is 0. The loss may be negative. Types, precision and errors as nt_xent. The
// literature uses cosine.
// Yeh et al., "Decoupled contrastive learning", 2022, eq. 6.
at::Tensor dcl(const at::Tensor& z_a, const at::Tensor& z_b, const DclOptions& options = {},
               const at::Tensor& group = {});

struct DclwOptions {
  double temperature = 0.1;
  double sigma = 0.5;
  Similarity similarity = Similarity::cosine;
  bool bf16 = false;

  void fields(Fields& f) {
    f.add("temperature", temperature, "divides the similarities; small is sharp", {1e-4, 1e4});
    f.add("sigma", sigma, "how strongly close positives lose weight; small is strong", {1e-3, 1e3});
    f.add("similarity", similarity, "how two embeddings are compared", similarity_names());
    f.add("bf16", bf16, kBf16Help);
  }
};

// DCL with far positives weighted more: the pull of row i is multiplied by
//
//   w_i = 2 - exp(s(i, p(i)) / sigma) / mean_j exp(s(j, p(j)) / sigma)
//
// through which no gradient flows. Everything else as dcl. Ibid., eq. 7.
at::Tensor dclw(const at::Tensor& z_a, const at::Tensor& z_b, const DclwOptions& options = {},
                const at::Tensor& group = {});

}  // namespace vistas::contrast
