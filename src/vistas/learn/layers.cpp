#include "vistas/learn/layers.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <cmath>

#include "vistas/learn/convolution.h"
#include "vistas/learn/linear.h"

namespace vistas::learn {

at::Generator initial_values(uint64_t seed) {
  return at::detail::createCPUGenerator(seed);
}

Conv2d::Conv2d(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t padding,
               at::Generator& generator)
    : stride_(stride), padding_(padding) {
  const double std = std::sqrt(2.0 / static_cast<double>(out * kernel * kernel));
  // Channels-last weights make every convolution answer in channels-last memory.
  weight = register_parameter("weight", at::empty({out, in, kernel, kernel})
                                            .normal_(0, std, generator)
                                            .contiguous(at::MemoryFormat::ChannelsLast));
}

at::Tensor Conv2d::forward(const at::Tensor& x) {
  return conv2d(x, weight, stride_, padding_);
}

BatchNorm::BatchNorm(int64_t channels, bool affine) {
  if (affine) {
    state_.weight = register_parameter("weight", at::ones({channels}));
    state_.bias = register_parameter("bias", at::zeros({channels}));
  }
  state_.running_mean = register_buffer("running_mean", at::zeros({channels}));
  state_.running_var = register_buffer("running_var", at::ones({channels}));
  num_batches_tracked_ = register_buffer("num_batches_tracked", at::zeros({}, at::kLong));
}

at::Tensor BatchNorm::run(const at::Tensor& x, bool relu, const at::Tensor& residual) {
  if (is_training() && RunningStatisticsShare::current() > 0) num_batches_tracked_.add_(1);
  BatchNormOptions options{.training = is_training(), .relu = relu};
  if (groups_ == 1 || !is_training()) return batch_norm_act(x, state_, options, residual);
  options.momentum = 1 - std::pow(1 - options.momentum, 1.0 / static_cast<double>(groups_));
  const std::vector<at::Tensor> parts = x.tensor_split(groups_);
  const std::vector<at::Tensor> residuals =
      residual.defined() ? residual.tensor_split(groups_) : std::vector<at::Tensor>(parts.size());
  std::vector<at::Tensor> out;
  for (size_t i = 0; i < parts.size(); ++i) {
    out.push_back(batch_norm_act(parts[i], state_, options, residuals[i]));
  }
  return at::cat(out);
}

void split_batch_norm(torch::nn::Module& module, int64_t groups) {
  for (const auto& part : module.modules(/*include_self=*/false)) {
    if (auto* norm = part->as<BatchNorm>()) norm->split(groups);
  }
}

Linear::Linear(int64_t in, int64_t out, bool with_bias, at::Generator& generator) {
  const double bound = 1 / std::sqrt(static_cast<double>(in));
  weight = register_parameter("weight", at::empty({out, in}).uniform_(-bound, bound, generator));
  if (with_bias) {
    bias = register_parameter("bias", at::empty({out}).uniform_(-bound, bound, generator));
  }
}

Linear::Linear(int64_t in, int64_t out, bool with_bias) {
  weight = register_parameter("weight", at::empty({out, in}));
  if (with_bias) bias = register_parameter("bias", at::empty({out}));
}

at::Tensor Linear::forward(const at::Tensor& x) {
  return learn::linear(x, weight, bias);
}

LayerNorm::LayerNorm(int64_t dim, double eps) : eps_(eps) {
  weight = register_parameter("weight", at::ones({dim}));
  bias = register_parameter("bias", at::zeros({dim}));
}

at::Tensor LayerNorm::forward(const at::Tensor& x) {
  return at::layer_norm(x, weight.sizes(), weight, bias, eps_);
}

}  // namespace vistas::learn
