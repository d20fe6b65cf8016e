#include "vistas/contrast/negative_cosine.h"

#include <ATen/ATen.h>

#include "vistas/contrast/pairs.h"

namespace vistas::contrast {

at::Tensor negative_cosine(const at::Tensor& p, const at::Tensor& z) {
  check_alike("negative_cosine", {p, z});
  return row_similarity(p, z.detach(), Similarity::cosine).mean().neg();
}

at::Tensor sim_siam(const at::Tensor& p_a, const at::Tensor& p_b, const at::Tensor& z_a,
                    const at::Tensor& z_b) {
  return (negative_cosine(p_a, z_b) + negative_cosine(p_b, z_a)) / 2;
}

at::Tensor byol(const at::Tensor& p_a, const at::Tensor& p_b, const at::Tensor& z_a,
                const at::Tensor& z_b) {
  return 4 + 2 * (negative_cosine(p_a, z_b) + negative_cosine(p_b, z_a));
}

}  // namespace vistas::contrast
