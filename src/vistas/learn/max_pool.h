// Max pooling of neighbouring pixels.
#pragma once

#include <ATen/core/Tensor.h>

namespace vistas::learn {

// The largest of every 2x2 block: [B, C, H, W] -> [B, C, H / 2, W / 2]; an odd last row or column
// is left out. Of equal values the first, row by row, gets the gradient. NaN wins over numbers. As
// at::max_pool2d(x, {2, 2}), without its table of 64-bit indices where x is float32 or bfloat16 in
// channels-last memory on the CPU.
at::Tensor max_pool_2x2(const at::Tensor& x);

}  // namespace vistas::learn
