// VICReg: variance, invariance, covariance.
#pragma once

#include <ATen/core/Tensor.h>

#include "vistas/base/options.h"

namespace vistas::contrast {

struct VicRegOptions {
  double invariance = 25;
  double variance = 25;
  double covariance = 1;
  double eps = 1e-4;

  void fields(Fields& f) {
    f.add("invariance", invariance, "weight of the distance between the views", {0, 1e4});
    f.add("variance", variance, "weight of the hinge on standard deviations", {0, 1e4});
    f.add("covariance", covariance, "weight of the covariances between dimensions", {0, 1e4});
    f.add("eps", eps, "added to the variance of a dimension", {1e-12, 1});
  }
};

// Scalars: the weighted sum, and its three terms without their weights.
struct VicRegLoss {
  at::Tensor loss, invariance, variance, covariance;
};

// Views alike, every dimension alive, no two dimensions alike; with unbiased variance and
// covariance C(z) over the N rows:
//
//   invariance = mean of all (z_a - z_b)^2
//   variance   = [v(z_a) + v(z_b)] / 2,   v(z) = mean_d max(0, 1 - sqrt(C(z)_dd + eps))
//   covariance = c(z_a) + c(z_b),         c(z) = sum_{i != j} C(z)_ij^2 / D
//
// z_a, z_b [N, D], N >= 2; costs min(N, D)^2 numbers. Variance is halved and covariance is not, as
// in the authors' code. Batch statistics: not separable into smaller batches. float64 is kept,
// everything else is computed in float32. Throws a usage error for shapes that do not match or
// fewer than two rows.
// Bardes et al., "VICReg: variance-invariance-covariance regularization for self-supervised
// learning", 2022, eq. 1-6.
VicRegLoss vicreg(const at::Tensor& z_a, const at::Tensor& z_b, const VicRegOptions& options = {});

}  // namespace vistas::contrast
