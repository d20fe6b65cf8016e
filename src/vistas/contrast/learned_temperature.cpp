#include "vistas/contrast/learned_temperature.h"

#include <ATen/ATen.h>

#include <cmath>

namespace vistas::contrast {

at::Tensor LearnedTemperature::log_scale() const {
  return at::scalar_tensor(-std::log(initial), at::kFloat).requires_grad_(true);
}

void LearnedTemperature::clamp_(const at::Tensor& log_scale) const {
  const at::NoGradGuard no_grad;
  log_scale.clamp_max_(std::log(max_scale));
}

}  // namespace vistas::contrast
