// What image encoders ask of their input.
#pragma once

#include <ATen/core/Tensor.h>

namespace vistas::vision {

// Throws a usage error unless `pixels` is [B, channels, H, W] of floating-point numbers and, where
// `size` is given, H = W = size.
void check_pixels(const at::Tensor& pixels, const char* encoder, int64_t channels,
                  int64_t size = 0);

}  // namespace vistas::vision
