// Negative cosine similarity to a fixed target: the losses of SimSiam and BYOL.
#pragma once

#include <ATen/core/Tensor.h>

namespace vistas::contrast {

// All take predictions p and targets z [N, D] of one shape and device; no gradient flows into z. A
// row of zeros has cosine 0 and gradient 0. float64 is kept, everything else is computed in
// float32. They throw a usage error for shapes that do not match. Published with cosine similarity
// only.

// D(p, z) = -mean_i cos(p_i, z_i), -1 .. 1.
at::Tensor negative_cosine(const at::Tensor& p, const at::Tensor& z);

// (D(p_a, z_b) + D(p_b, z_a)) / 2: predictions of one view, projections of the other.
// Chen and He, "Exploring simple Siamese representation learning", 2021, eq. 4.
at::Tensor sim_siam(const at::Tensor& p_a, const at::Tensor& p_b, const at::Tensor& z_a,
                    const at::Tensor& z_b);

// The sum, not the mean, of the two directions of mean_i |unit(p_i) - unit(z_i)|^2 =
// 2 + 2 D(p, z); 0 .. 8. Grill et al., "Bootstrap your own latent", 2020, eq. 2.
at::Tensor byol(const at::Tensor& p_a, const at::Tensor& p_b, const at::Tensor& z_a,
                const at::Tensor& z_b);

}  // namespace vistas::contrast
