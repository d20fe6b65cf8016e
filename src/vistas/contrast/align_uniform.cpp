#include "vistas/contrast/align_uniform.h"

#include <ATen/ATen.h>

#include <cmath>

#include "vistas/contrast/pairs.h"
#include "vistas/contrast/precision.h"

namespace vistas::contrast {
namespace {

at::Tensor unevenness(const at::Tensor& unit, double t) {
  const at::Tensor exponents = at::pdist(unit).square() * -t;
  return at::logsumexp(exponents, {0}) - std::log(static_cast<double>(exponents.numel()));
}

}  // namespace

AlignUniformLoss align_uniform(const at::Tensor& z_a, const at::Tensor& z_b,
                               const AlignUniformOptions& options) {
  check_alike("align_uniform", {z_a, z_b}, 2);
  const FullPrecision scope;
  const at::Tensor a = unit_rows(z_a), b = unit_rows(z_b);
  const at::Tensor alignment = at::linalg_vector_norm(a - b, 2, {1}).pow(options.alpha).mean();
  const at::Tensor uniformity = (unevenness(a, options.t) + unevenness(b, options.t)) / 2;
  return {alignment + options.weight * uniformity, alignment, uniformity};
}

}  // namespace vistas::contrast
