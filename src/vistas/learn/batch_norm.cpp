#include "vistas/learn/batch_norm.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <optional>

#include "vistas/base/error.h"
#include "vistas/learn/batch_norm_kernels.h"

namespace vistas::learn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

thread_local double running_share = 1;

Channels to_channels(const at::Tensor& x) {
  const float* values = x.const_data_ptr<float>();
  return Channels(values, values + x.numel());
}

at::Tensor to_tensor(const std::vector<double>& values) {
  at::Tensor out = at::empty({static_cast<int64_t>(values.size())}, at::kFloat);
  std::copy(values.begin(), values.end(), out.mutable_data_ptr<float>());
  return out;
}

void move_towards(const at::Tensor& running, const std::vector<double>& batch, double momentum) {
  float* values = running.mutable_data_ptr<float>();
  for (size_t c = 0; c < batch.size(); ++c) {
    values[c] += static_cast<float>(momentum * (batch[c] - static_cast<double>(values[c])));
  }
}

// Training mode over channel rows.
struct FusedNorm : torch::autograd::Function<FusedNorm> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& bias,
                            const std::optional<at::Tensor>& optional_residual,
                            const at::Tensor& running_mean, const at::Tensor& running_var,
                            const BatchNormOptions& options) {
    const at::Tensor residual = optional_residual.value_or(at::Tensor());
    ChannelStatistics batch = channel_statistics(x);
    const double n = static_cast<double>(x.numel() / x.size(1));
    const Channels w = to_channels(weight), b = to_channels(bias);
    const size_t channels = w.size();
    // Rows of the kept table: mean, 1 / std, scale, shift.
    at::Tensor kept = at::empty({4, x.size(1)}, at::kFloat);
    float* table = kept.mutable_data_ptr<float>();
    Channels scale(channels), shift(channels);
    for (size_t c = 0; c < channels; ++c) {
      const double inverse = 1 / std::sqrt(batch.variance[c] + options.eps);
      const double factor = inverse * static_cast<double>(w[c]);
      scale[c] = static_cast<float>(factor);
      shift[c] = static_cast<float>(static_cast<double>(b[c]) - batch.mean[c] * factor);
      table[c] = static_cast<float>(batch.mean[c]);
      table[channels + c] = static_cast<float>(inverse);
      table[2 * channels + c] = scale[c];
      table[3 * channels + c] = shift[c];
      batch.variance[c] *= n / (n - 1);
    }
    move_towards(running_mean, batch.mean, options.momentum);
    move_towards(running_var, batch.variance, options.momentum);

    const at::Tensor y = at::empty_like(x);
    scale_shift(x, scale, shift, residual, options.relu, y);
    const bool needs_output = options.relu && residual.defined();
    context->save_for_backward({x, kept, needs_output ? y : at::Tensor()});
    context->saved_data["relu"] = options.relu;
    context->saved_data["residual"] = residual.defined();
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    if (at::GradMode::is_enabled()) {
      throw Error(ErrorKind::usage, {.what = "batch_norm_act has no second derivative",
                                     .fix = "Call backward without create_graph"});
    }
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &kept = saved[1], &output = saved[2];
    const bool relu = context->saved_data["relu"].toBool();
    const bool has_residual = context->saved_data["residual"].toBool();
    const Channels mean = to_channels(kept[0]), inverse = to_channels(kept[1]);
    const Channels scale = to_channels(kept[2]), shift = to_channels(kept[3]);

    const at::Tensor grad = grads[0].contiguous(x.suggest_memory_format());
    // With a residual the gradient behind the mask is wanted anyway.
    const at::Tensor masked = has_residual && relu ? at::empty_like(x) : at::Tensor();
    const MaskedGradient arriving{grad, relu, output, scale, shift};
    GradientSums sums = channel_gradient_sums(arriving, x, mean, masked);

    const double n = static_cast<double>(x.numel() / x.size(1));
    Channels by_x(scale.size()), constant(scale.size());
    for (size_t c = 0; c < scale.size(); ++c) {
      const double wide_scale = static_cast<double>(scale[c]);
      const double wide_inverse = static_cast<double>(inverse[c]);
      const double slope = -wide_scale * wide_inverse * wide_inverse * sums.gx[c] / n;
      by_x[c] = static_cast<float>(slope);
      constant[c] =
          static_cast<float>(-wide_scale * sums.g[c] / n - slope * static_cast<double>(mean[c]));
      sums.gx[c] *= wide_inverse;
    }
    at::Tensor dx;
    if (context->needs_input_grad(0)) {
      dx = at::empty_like(x);
      const MaskedGradient rest{masked, false, {}, scale, shift};
      input_gradient(masked.defined() ? rest : arriving, x, scale, by_x, constant, dx);
    }
    const at::Tensor d_residual = !has_residual ? at::Tensor() : relu ? masked : grad;
    return {dx, to_tensor(sums.gx), to_tensor(sums.g), d_residual, {}, {}, {}};
  }
};

bool is_plain_float(const at::Tensor& x) {
  return x.defined() && x.is_cpu() && x.scalar_type() == at::kFloat && x.is_contiguous();
}

// Without gradients: one pass over channel rows.
at::Tensor evaluate(const at::Tensor& x, const BatchNormState& state,
                    const BatchNormOptions& options, const at::Tensor& residual) {
  Channels scale = to_channels(state.weight), shift = to_channels(state.bias);
  const Channels mean = to_channels(state.running_mean), variance = to_channels(state.running_var);
  for (size_t c = 0; c < scale.size(); ++c) {
    const double inverse = 1 / std::sqrt(static_cast<double>(variance[c]) + options.eps);
    const double factor = inverse * static_cast<double>(scale[c]);
    scale[c] = static_cast<float>(factor);
    shift[c] =
        static_cast<float>(static_cast<double>(shift[c]) - static_cast<double>(mean[c]) * factor);
  }
  const at::Tensor y = at::empty_like(x);
  scale_shift(x, scale, shift, residual, options.relu, y);
  return y;
}

bool can_fuse(const at::Tensor& x, const BatchNormState& state, const at::Tensor& residual) {
  const bool fits =
      !residual.defined() || (residual.scalar_type() == x.scalar_type() &&
                              residual.sizes() == x.sizes() && is_channel_rows(residual));
  return is_channel_rows(x) && fits && is_plain_float(state.weight) && is_plain_float(state.bias) &&
         is_plain_float(state.running_mean) && is_plain_float(state.running_var);
}

}  // namespace

RunningStatisticsShare::RunningStatisticsShare(double share) : before_(running_share) {
  running_share = share;
}

RunningStatisticsShare::~RunningStatisticsShare() {
  running_share = before_;
}

double RunningStatisticsShare::current() {
  return running_share;
}

at::Tensor batch_norm_act(const at::Tensor& x, const BatchNormState& state,
                          const BatchNormOptions& given, const at::Tensor& residual) {
  BatchNormOptions options = given;
  if (running_share != 1) options.momentum = 1 - std::pow(1 - given.momentum, running_share);
  if (options.training && x.numel() / x.size(1) < 2) {
    throw Error(ErrorKind::usage,
                {.what = "batch normalisation in training",
                 .got = fmt::format("one value a channel in [{}]", fmt::join(x.sizes(), ", ")),
                 .expected = "two or more",
                 .fix = "Use a larger batch or drop the last incomplete one"});
  }
  const bool fused = can_fuse(x, state, residual);
  if (fused && !options.training && !at::GradMode::is_enabled()) {
    return evaluate(x, state, options, residual);
  }
  if (fused && options.training) {
    return FusedNorm::apply(x, state.weight, state.bias,
                            residual.defined() ? std::optional(residual) : std::nullopt,
                            state.running_mean, state.running_var, options);
  }
  at::Tensor y = at::batch_norm(x, state.weight, state.bias, state.running_mean, state.running_var,
                                options.training, options.momentum, options.eps, false);
  if (residual.defined()) y = y + residual;
  return options.relu ? y.relu() : y;
}

}  // namespace vistas::learn
