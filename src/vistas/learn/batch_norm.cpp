#include "vistas/learn/batch_norm.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "vistas/base/error.h"
#include "vistas/learn/batch_norm_kernels.h"
#include "vistas/learn/group.h"

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

// Statistics over the values of all processes from each one's [size, 2C + 1]: means, biased
// variances, number of values a channel. Chan, Golub and LeVeque, "Updating formulae and a pairwise
// algorithm for computing sample variances", 1979.
struct JoinedStatistics {
  at::Tensor mean, variance;  // [C], float64
  double n = 0;
};

JoinedStatistics join(const at::Tensor& mean, const at::Tensor& variance, double n) {
  const at::Tensor wide_mean = mean.to(at::kDouble);
  const at::Tensor all = Group::current().gather(
      at::cat({wide_mean, variance.to(at::kDouble), at::full({1}, n, wide_mean.options())}));
  const int64_t channels = mean.numel();
  const at::Tensor means = all.narrow(1, 0, channels);
  const at::Tensor counts = all.narrow(1, 2 * channels, 1), total = counts.sum();
  const at::Tensor joint = (means * counts).sum(0) / total;
  const at::Tensor squares = all.narrow(1, channels, channels) + (means - joint).square();
  return {joint, (squares * counts).sum(0) / total, total.item<double>()};
}

at::Tensor wide(const std::vector<double>& values) {
  return at::tensor(values, at::kDouble);
}

// Makes the statistics those of all processes; the number of values a channel.
double join_(ChannelStatistics& statistics, double n) {
  if (Group::current().alone()) return n;
  const JoinedStatistics all = join(wide(statistics.mean), wide(statistics.variance), n);
  const auto copy = [](const at::Tensor& from, std::vector<double>& to) {
    std::copy_n(from.const_data_ptr<double>(), to.size(), to.begin());
  };
  copy(all.mean, statistics.mean);
  copy(all.variance, statistics.variance);
  return all.n;
}

// The sums of all processes.
GradientSums joined(const GradientSums& sums) {
  if (Group::current().alone()) return sums;
  at::Tensor both = at::stack({wide(sums.g), wide(sums.gx)});
  Group::current().sum_(both);
  const double* values = both.const_data_ptr<double>();
  const auto channels = static_cast<std::ptrdiff_t>(sums.g.size());
  return {{values, values + channels}, {values + channels, values + 2 * channels}};
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
    const double n = join_(batch, static_cast<double>(x.numel() / x.size(1)));
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
    context->saved_data["n"] = n;
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

    const GradientSums all = joined(sums);
    const double n = context->saved_data["n"].toDouble();
    Channels by_x(scale.size()), constant(scale.size());
    for (size_t c = 0; c < scale.size(); ++c) {
      const double wide_scale = static_cast<double>(scale[c]);
      const double wide_inverse = static_cast<double>(inverse[c]);
      const double slope = -wide_scale * wide_inverse * wide_inverse * all.gx[c] / n;
      by_x[c] = static_cast<float>(slope);
      constant[c] =
          static_cast<float>(-wide_scale * all.g[c] / n - slope * static_cast<double>(mean[c]));
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

// Training mode of several processes for every type and layout.
struct JoinedNorm : torch::autograd::Function<JoinedNorm> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& given,
                            const std::optional<at::Tensor>& weight,
                            const std::optional<at::Tensor>& bias, const at::Tensor& running_mean,
                            const at::Tensor& running_var, const BatchNormOptions& options) {
    const at::Tensor x = given.to(at::promoteTypes(given.scalar_type(), at::kFloat));
    const std::vector<int64_t> others = all_but_channels(x);
    const auto local = at::var_mean(x, others, /*correction=*/0);
    const JoinedStatistics all =
        join(std::get<1>(local), std::get<0>(local), static_cast<double>(x.numel() / x.size(1)));
    const auto move = [&](const at::Tensor& running, const at::Tensor& batch) {
      if (running.defined()) running.lerp_(batch.to(running.scalar_type()), options.momentum);
    };
    move(running_mean, all.mean);
    move(running_var, all.variance * (all.n / (all.n - 1)));
    const auto by_channel = [&](const at::Tensor& t) {
      std::vector<int64_t> shape(static_cast<size_t>(x.dim()), 1);
      shape[1] = x.size(1);
      return t.to(x.scalar_type()).view(shape);
    };
    const at::Tensor inverse = by_channel((all.variance + options.eps).rsqrt());
    const at::Tensor normal = (x - by_channel(all.mean)) * inverse;
    const at::Tensor scale = weight ? by_channel(*weight) : at::ones_like(inverse);
    context->save_for_backward({normal, inverse, scale});
    context->saved_data["n"] = all.n;
    context->saved_data["group"] = reinterpret_cast<int64_t>(&Group::current());
    context->saved_data["affine"] = weight.has_value();
    const at::Tensor y = normal * scale;
    return (bias ? y + by_channel(*bias) : y).to(given.scalar_type());
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &normal = saved[0], &inverse = saved[1], &scale = saved[2];
    const at::Tensor g = grads[0].to(normal.scalar_type());
    const std::vector<int64_t> others = all_but_channels(normal);
    const at::Tensor sums = at::stack({g.sum(others), (g * normal).sum(others)});
    at::Tensor all = sums.clone();
    reinterpret_cast<const Group*>(context->saved_data["group"].toInt())->sum_(all);
    all = all / context->saved_data["n"].toDouble();
    const at::Tensor dx =
        scale * inverse * (g - all[0].view(scale.sizes()) - normal * all[1].view(scale.sizes()));
    const bool affine = context->saved_data["affine"].toBool();
    return {dx.to(grads[0].scalar_type()),
            affine ? sums[1] : at::Tensor(),
            affine ? sums[0] : at::Tensor(),
            {},
            {},
            {}};
  }

 private:
  static std::vector<int64_t> all_but_channels(const at::Tensor& x) {
    std::vector<int64_t> others{0};
    for (int64_t d = 2; d < x.dim(); ++d) others.push_back(d);
    return others;
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
  const bool alone = Group::current().alone();
  if (options.training && alone && x.numel() / x.size(1) < 2) {
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
  const auto optional = [](const at::Tensor& t) {
    return t.defined() ? std::optional(t) : std::nullopt;
  };
  at::Tensor y =
      options.training && !alone
          ? JoinedNorm::apply(x, optional(state.weight), optional(state.bias), state.running_mean,
                              state.running_var, options)
          : at::batch_norm(x, state.weight, state.bias, state.running_mean, state.running_var,
                           options.training, options.momentum, options.eps, false);
  if (residual.defined()) y = y + residual;
  return options.relu ? y.relu() : y;
}

}  // namespace vistas::learn
