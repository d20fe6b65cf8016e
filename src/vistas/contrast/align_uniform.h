// Alignment and uniformity as a loss; as measures they are in statistics.h.
#pragma once

#include <ATen/core/Tensor.h>

#include "vistas/base/options.h"

namespace vistas::contrast {

struct AlignUniformOptions {
  double alpha = 2;
  double t = 2;
  double weight = 1;

  void fields(Fields& f) {
    f.add("alpha", alpha, "power of the distance of a pair", {1, 100});
    f.add("t", t, "sharpness of the repulsion", {1e-4, 1e4});
    f.add("weight", weight, "weight of uniformity", {0, 1e4});
  }
};

// Scalars: the weighted sum, and its two terms without the weight.
struct AlignUniformLoss {
  at::Tensor loss, alignment, uniformity;
};

// Positive pairs near, all rows spread evenly on the sphere; with x, y the unit rows of two views:
//
//   alignment  = mean_i |x_i - y_i|^alpha
//   u(x)       = log mean_{i < j} exp(-t |x_i - x_j|^2)
//   uniformity = (u(x) + u(y)) / 2,      loss = alignment + weight * uniformity
//
// z_a, z_b [N, D], N >= 2. float64 is kept, everything else is computed in float32. Throws a usage
// error for shapes that do not match or fewer than two rows. Published with unit rows only.
// Wang and Isola, "Understanding contrastive representation learning through alignment and
// uniformity on the hypersphere", 2020, eq. 2 and 3.
AlignUniformLoss align_uniform(const at::Tensor& z_a, const at::Tensor& z_b,
                               const AlignUniformOptions& options = {});

}  // namespace vistas::contrast
