// The passes of batch normalisation over rows of channels (channels-last memory) on the CPU.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace vistas::learn {

// One value a channel.
using Channels = std::vector<float>;

// float32 or bfloat16 on the CPU, [B, C] or channels-last [B, C, H, W], C a multiple of 16.
bool is_channel_rows(const at::Tensor& x);

// Mean and biased variance of every channel.
struct ChannelStatistics {
  std::vector<double> mean, variance;
};
ChannelStatistics channel_statistics(const at::Tensor& x);

// y = x scale + shift (+ residual where defined), then ReLU where asked for.
void scale_shift(const at::Tensor& x, const Channels& scale, const Channels& shift,
                 const at::Tensor& residual, bool relu, const at::Tensor& y);

// A gradient on its way back through y = relu(x scale + shift + residual). Without ReLU it passes
// everywhere, otherwise where y > 0; if `output` is undefined there was no residual and y is
// computed again.
struct MaskedGradient {
  at::Tensor grad;
  bool relu;
  at::Tensor output;
  const Channels& scale;
  const Channels& shift;
};

struct GradientSums {
  std::vector<double> g;   // sum g
  std::vector<double> gx;  // sum g (x - mean)
};

// Sums over the gradient g behind the mask. Where `masked` is defined it receives g.
GradientSums channel_gradient_sums(const MaskedGradient& gradient, const at::Tensor& x,
                                   const Channels& mean, const at::Tensor& masked);

// dx = g by_g + x by_x + constant.
void input_gradient(const MaskedGradient& gradient, const at::Tensor& x, const Channels& by_g,
                    const Channels& by_x, const Channels& constant, const at::Tensor& dx);

}  // namespace vistas::learn
