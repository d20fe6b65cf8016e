// Convolution of pictures.
#pragma once

#include <ATen/core/Tensor.h>

namespace vistas::learn {

// x [B, I, H, W] with weight [O, I, k, k] -> [B, O, OH, OW], no bias; follows autocast. 3x3
// convolutions in bfloat16 take the faster weight gradient where the CPU has it, which also is not
// rounded to bfloat16 on its way to a float32 weight.
at::Tensor conv2d(const at::Tensor& x, const at::Tensor& weight, int64_t stride, int64_t padding);

}  // namespace vistas::learn
