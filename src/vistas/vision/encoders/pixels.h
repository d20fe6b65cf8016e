// What image encoders ask of their input.
#pragma once

#include <ATen/core/Tensor.h>

namespace vistas::vision {

// Throws a usage error unless `pixels` is [B, channels, H, W] of floating-point numbers, H and W
// multiples of `patch`.
void check_pixels(const at::Tensor& pixels, const char* encoder, int64_t channels,
                  int64_t patch = 1);

}  // namespace vistas::vision
