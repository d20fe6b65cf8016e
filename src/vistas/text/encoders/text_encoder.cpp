#include "vistas/text/encoders/text_encoder.h"

#include <ATen/ATen.h>

#include "vistas/learn/precision.h"

namespace vistas::text {

TextEncoder::Frozen TextEncoder::frozen(const std::string& precision) {
  return [this, precision](const at::Tensor& ids, const at::Tensor& length) {
    const at::NoGradGuard no_grad;
    const learn::AutocastScope autocast(ids.device(), precision);
    return encode(ids, length).to(at::kFloat);
  };
}

}  // namespace vistas::text
