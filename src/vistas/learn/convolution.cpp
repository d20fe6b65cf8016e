#include "vistas/learn/convolution.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include "vistas/base/error.h"
#include "vistas/learn/conv_weight_gradient.h"

namespace vistas::learn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// 3x3, padding 1, x in channels-last bfloat16, the weight in float32.
struct BFloat16Conv : torch::autograd::Function<BFloat16Conv> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            int64_t stride) {
    const at::Tensor narrow =
        weight.to(at::kBFloat16, false, false, at::MemoryFormat::ChannelsLast);
    context->save_for_backward({x, narrow});
    context->saved_data["stride"] = stride;
    return at::conv2d(x, narrow, {}, {stride, stride}, {1, 1});
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    if (at::GradMode::is_enabled()) {
      throw Error(ErrorKind::usage, {.what = "conv2d in bfloat16 has no second derivative",
                                     .fix = "Call backward without create_graph"});
    }
    const auto saved = context->get_saved_variables();
    const int64_t stride = context->saved_data["stride"].toInt();
    const at::Tensor grad = grads[0].contiguous(at::MemoryFormat::ChannelsLast);
    at::Tensor dx, dw;
    if (context->needs_input_grad(0)) {
      dx = std::get<0>(at::convolution_backward(grad, saved[0], saved[1], std::nullopt,
                                                {stride, stride}, {1, 1}, {1, 1}, false, {0, 0}, 1,
                                                {true, false, false}));
    }
    if (context->needs_input_grad(1)) dw = conv3x3_weight_gradient(saved[0], grad, stride);
    return {dx, dw, {}};
  }
};

}  // namespace

at::Tensor conv2d(const at::Tensor& x, const at::Tensor& weight, int64_t stride, int64_t padding) {
  const bool fits = weight.size(2) == 3 && weight.size(3) == 3 && padding == 1 && stride <= 2 &&
                    weight.scalar_type() == at::kFloat;
  // The rest of autocast's work, turning float32 pictures into bfloat16, is left to ATen.
  if (fits && at::autocast::is_autocast_enabled(at::kCPU) &&
      can_compute_weight_gradient(x, weight.size(0))) {
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    return BFloat16Conv::apply(x, weight, stride);
  }
  // oneDNN 3.12 writes out of bounds in the weight gradient of strided 1x1 float32 convolutions
  // whose channels are no multiple of 16; picking the pixels first gives the same result.
  if (weight.size(2) == 1 && stride > 1 && padding == 0 && x.is_cpu() && x.size(1) % 16 != 0) {
    const at::Tensor picked = x.slice(2, 0, std::nullopt, stride).slice(3, 0, std::nullopt, stride);
    return at::conv2d(picked.contiguous(at::MemoryFormat::ChannelsLast), weight);
  }
  return at::conv2d(x, weight, {}, {stride, stride}, {padding, padding});
}

}  // namespace vistas::learn
