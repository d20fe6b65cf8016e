#include "vistas/contrast/logits.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <limits>
#include <optional>

#include "vistas/base/error.h"
#include "vistas/contrast/checks.h"

namespace vistas::contrast {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

// One matrix beside s: the probabilities, which are the gradient.
struct LogSumExp : torch::autograd::Function<LogSumExp> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& s,
                            const std::optional<at::Tensor>& left_out) {
    at::Tensor p = left_out ? s.masked_fill(*left_out, kMinusInfinity) : s.clone();
    const at::Tensor top = p.amax({1}, true);
    const at::Tensor shift = top.masked_fill(top == kMinusInfinity, 0);
    const at::Tensor sum = p.sub_(shift).exp_().sum(1, true);
    p.div_(sum.masked_fill(sum == 0, 1));
    context->save_for_backward({p});
    return (shift + sum.log()).squeeze(1);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    if (at::GradMode::is_enabled()) {
      throw Error(ErrorKind::usage, {.what = "softmax losses have no second derivative",
                                     .fix = "Call backward without create_graph"});
    }
    return {context->get_saved_variables()[0] * grads[0].unsqueeze(1), {}};
  }
};

}  // namespace

at::Tensor log_sum_exp(const at::Tensor& s, const at::Tensor& left_out) {
  return LogSumExp::apply(s, left_out.defined() ? std::optional(left_out) : std::nullopt);
}

at::Tensor log1p_exp(const at::Tensor& x) {
  constexpr int kBeta = 1;
  constexpr int kLinearAbove = 40;  // exp(-40) is below the rounding of float64
  return at::softplus(x, kBeta, kLinearAbove);
}

at::Tensor mean_where(const at::Tensor& counts, const at::Tensor& x) {
  return at::where(counts, x, 0).sum() / counts.sum().clamp_min(1);
}

at::Tensor same_thing(const char* loss, const at::Tensor& group, const at::Tensor& x) {
  if (!group.defined()) return at::eye(x.size(0), x.options().dtype(at::kBool));
  check_ids(loss, "group", group, x);
  return group.unsqueeze(1) == group;
}

at::Tensor diagonal_cross_entropy(const at::Tensor& s, const at::Tensor& same) {
  const at::Tensor left_out = at::constant_pad_nd(same, {0, s.size(1) - s.size(0)});
  return log1p_exp(log_sum_exp(s, left_out) - s.diagonal()).mean();
}

}  // namespace vistas::contrast
