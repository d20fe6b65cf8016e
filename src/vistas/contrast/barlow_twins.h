// Barlow Twins: no redundancy between the dimensions of an embedding.
#pragma once

#include <ATen/core/Tensor.h>

#include "vistas/base/options.h"

namespace vistas::contrast {

struct BarlowTwinsOptions {
  double lambda = 0.0051;
  double eps = 1e-5;

  void fields(Fields& f) {
    f.add("lambda", lambda, "weight of the redundancy term", {0, 1e4});
    f.add("eps", eps, "added to the variance of a dimension", {0, 1});
  }
};

// The cross-correlation C [D, D] of two views [N, D], N >= 2, each standardised by itself:
//
//   u = (z - mean_n z) / sqrt(var_n z + eps)  (biased variance),   C = u_a^T u_b / N
at::Tensor cross_correlation(const at::Tensor& z_a, const at::Tensor& z_b, double eps = 1e-5);

// The cross-correlation of two views shall be the identity:
//
//   loss = sum_i (C_ii - 1)^2 + lambda sum_{i != j} C_ij^2
//
// z_a, z_b [N, D], N >= 2; costs min(N, D)^2 numbers. Returns a scalar, a sum over dimensions.
// Batch statistics: not separable into smaller batches. float64 is kept, everything else is
// computed in float32. Throws a usage error for shapes that do not match or fewer than two rows.
// Zbontar et al., "Barlow Twins: self-supervised learning via redundancy reduction", 2021, eq. 1.
at::Tensor barlow_twins(const at::Tensor& z_a, const at::Tensor& z_b,
                        const BarlowTwinsOptions& options = {});

}  // namespace vistas::contrast
