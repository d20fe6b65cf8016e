#include "vistas/contrast/nt_xent.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <limits>
#include <optional>

#include "vistas/base/error.h"
#include "vistas/contrast/checks.h"
#include "vistas/contrast/logits.h"
#include "vistas/contrast/pair_logits.h"
#include "vistas/contrast/precision.h"

namespace vistas::contrast {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// The loss of logits s [2N, 2N] whose row i has its target in column i +- N and whose diagonal does
// not count, nor do pairs of the `same` [2N, 2N] thing, if that is given; turns s into
// d loss / d s.
at::Tensor partner_cross_entropy_(at::Tensor& s, const std::optional<at::Tensor>& same) {
  constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();
  const int64_t n = s.size(0) / 2;
  const at::Tensor target = at::cat({s.diagonal(n), s.diagonal(-n)}).unsqueeze(1);
  if (same) s.masked_fill_(*same, kMinusInfinity);
  s.fill_diagonal_(kMinusInfinity);
  const at::Tensor top = at::maximum(s.amax({1}, true), target);
  s.sub_(top).exp_();
  s.diagonal(n).zero_();
  s.diagonal(-n).zero_();
  // The target is kept out of the sum: where it is the largest by far, log1p and `rest` keep the
  // digits that log(1 + rest) and 1 - probability would lose.
  const at::Tensor rest = s.sum(1, true);
  const at::Tensor own = (target - top).exp();
  const at::Tensor loss = (top - target + (rest + (own - 1)).log1p()).mean();

  const at::Tensor scale = ((rest + own) * static_cast<double>(2 * n)).reciprocal();
  s.mul_(scale);
  const at::Tensor pull = (rest * scale).squeeze(1).neg();
  s.diagonal(n).copy_(pull.slice(0, 0, n));
  s.diagonal(-n).copy_(pull.slice(0, n));
  return loss;
}

// A scalar whose gradient was computed together with it.
at::Tensor scaled_gradient(AutogradContext* context, const at::Tensor& grad) {
  if (at::GradMode::is_enabled()) {
    throw Error(ErrorKind::usage, {.what = "nt_xent has no second derivative",
                                   .fix = "Call backward without create_graph"});
  }
  return context->get_saved_variables()[0] * grad;
}

// Any similarity matrix s [2N, 2N].
struct MatrixLoss : torch::autograd::Function<MatrixLoss> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& s, double temperature,
                            const std::optional<at::Tensor>& same) {
    at::Tensor logits = s / temperature;
    const at::Tensor loss = partner_cross_entropy_(logits, same);
    context->save_for_backward({logits.div_(temperature)});
    return loss;
  }
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    return {scaled_gradient(context, grads[0]), {}, {}};
  }
};

}  // namespace

at::Tensor nt_xent(const at::Tensor& z_a, const at::Tensor& z_b, const NtXentOptions& options,
                   const at::Tensor& group) {
  check_pair("nt_xent", z_a, z_b);
  check_positive("nt_xent", "temperature", options.temperature);
  const FullPrecision scope;
  if (has_pair_logits(options.similarity)) {
    if (group.defined()) check_ids("nt_xent", "group", group, z_a);
    const at::Tensor a = widen(z_a);
    const PairLogits s = view_logits(a, widen(z_b), pair_scale(options.temperature), group,
                                     pair_options(options.similarity, options.bf16));
    return log1p_exp(s.rows - s.target.repeat(2)).mean().to(a.scalar_type());
  }
  const at::Tensor z = widen(at::cat({z_a, z_b}));
  std::optional<at::Tensor> same;
  if (group.defined()) same = same_thing("nt_xent", group, z_a).repeat({2, 2});
  return MatrixLoss::apply(similarity(z, z, options.similarity), options.temperature, same);
}

}  // namespace vistas::contrast
