// The weight gradient of 3x3 convolutions of bfloat16 pictures on CPUs with AVX512-BF16, where it
// is the slowest part of a training step.
#pragma once

#include <ATen/core/Tensor.h>

namespace vistas::learn {

// True on such a CPU for channels-last bfloat16 x [B, I, H, W] and `out_channels`, both channel
// counts multiples of 16.
bool can_compute_weight_gradient(const at::Tensor& x, int64_t out_channels);

// d loss / d weight, float32 [O, I, 3, 3] in channels-last memory, for padding 1 and stride 1 or 2.
// x [B, I, H, W] and grad [B, O, OH, OW], both channels-last bfloat16. Products are summed in
// float32, in an order that does not depend on the number of threads.
at::Tensor conv3x3_weight_gradient(const at::Tensor& x, const at::Tensor& grad, int64_t stride);

}  // namespace vistas::learn
