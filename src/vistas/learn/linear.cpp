#include "vistas/learn/linear.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>

namespace vistas::learn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

using LinearPointwise = at::Tensor(const at::Tensor&, const at::Tensor&,
                                   const std::optional<at::Tensor>&, std::string_view,
                                   c10::List<std::optional<at::Scalar>>,
                                   std::optional<std::string_view>);

// The operator with which torch.compile reaches oneDNN; empty in a LibTorch without it.
const std::optional<c10::TypedOperatorHandle<LinearPointwise>>& linear_pointwise() {
  static const auto handle = [] {
    const auto found = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
    return found ? std::optional(found->typed<LinearPointwise>()) : std::nullopt;
  }();
  return handle;
}

// Below, a call costs more than its product.
constexpr int64_t kFewProducts = 1 << 16;

bool can_use_one_dnn(const at::Tensor& x, const at::Tensor& weight) {
  return x.is_cpu() && x.scalar_type() == at::kFloat && weight.scalar_type() == at::kFloat &&
         x.numel() * weight.size(0) >= kFewProducts && at::globalContext().userEnabledMkldnn() &&
         linear_pointwise();
}

// a [N, K], b [M, K] -> a b^T (+ bias).
at::Tensor product(const at::Tensor& a, const at::Tensor& b,
                   const std::optional<at::Tensor>& bias = std::nullopt) {
  return linear_pointwise()->call(a, b, bias, "none", c10::List<std::optional<at::Scalar>>{}, "");
}

struct OneDnnLinear : torch::autograd::Function<OneDnnLinear> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const std::optional<at::Tensor>& bias) {
    context->save_for_backward({x, weight});
    context->saved_data["bias"] = bias.has_value();
    return product(x, weight, bias);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1];
    const at::Tensor g = grads[0].reshape({-1, weight.size(0)});
    const at::Tensor rows = x.reshape({-1, weight.size(1)});
    // Derivatives of derivatives need operations that have them.
    const auto times = [](const at::Tensor& a, const at::Tensor& b) {
      return at::GradMode::is_enabled() ? at::mm(a, b.t()) : product(a, b);
    };
    at::Tensor dx, dw, db;
    if (context->needs_input_grad(0)) dx = times(g, weight.t()).view(x.sizes());
    if (context->needs_input_grad(1)) dw = times(g.t().contiguous(), rows.t());
    if (context->saved_data["bias"].toBool() && context->needs_input_grad(2)) db = g.sum(0);
    return {dx, dw, db};
  }
};

}  // namespace

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const auto shift = bias.defined() ? std::optional(bias) : std::nullopt;
  if (at::autocast::is_autocast_enabled(at::kCPU) || !can_use_one_dnn(x, weight)) {
    return at::linear(x, weight, shift);
  }
  const at::Tensor rows = x.contiguous();
  return at::GradMode::is_enabled() ? OneDnnLinear::apply(rows, weight, shift)
                                    : product(rows, weight, shift);
}

}  // namespace vistas::learn
