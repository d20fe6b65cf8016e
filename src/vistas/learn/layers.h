// The layers networks are made of, with PyTorch's tensor names and initial values.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include "vistas/learn/batch_norm.h"

namespace vistas::learn {

// A generator of initial values; layers draw from it in the order they are built.
at::Generator initial_values(uint64_t seed);

// Square kernel, no bias; weight [out, in, k, k] ~ N(0, 2 / (out k^2)), in channels-last memory.
class Conv2d : public torch::nn::Module {
 public:
  Conv2d(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t padding,
         at::Generator& generator);
  at::Tensor forward(const at::Tensor& x);  // [B, in, H, W]

  at::Tensor weight;

 private:
  int64_t stride_, padding_;
};

// Over the channels of [B, C] or [B, C, H, W]; weight 1, bias 0, eps 1e-5, momentum 0.1.
class BatchNorm : public torch::nn::Module {
 public:
  explicit BatchNorm(int64_t channels, bool affine = true);

  at::Tensor forward(const at::Tensor& x) { return run(x, false, {}); }
  at::Tensor forward_relu(const at::Tensor& x) { return run(x, true, {}); }
  // relu(norm(x) + residual)
  at::Tensor forward_add_relu(const at::Tensor& x, const at::Tensor& residual) {
    return run(x, true, residual);
  }

  // In training, normalises `groups` parts of the batch apart, as so many devices would; the
  // running statistics move as far in a step as without.
  void split(int64_t groups) { groups_ = groups; }

 private:
  at::Tensor run(const at::Tensor& x, bool relu, const at::Tensor& residual);

  int64_t groups_ = 1;
  BatchNormState state_;
  at::Tensor num_batches_tracked_;
};

// Splits every batch norm below `module`.
void split_batch_norm(torch::nn::Module& module, int64_t groups);

// weight [out, in] and bias [out] ~ U(-1, 1) / sqrt(in).
class Linear : public torch::nn::Module {
 public:
  Linear(int64_t in, int64_t out, bool with_bias, at::Generator& generator);
  // Without values: for a network that draws or loads all of its own.
  Linear(int64_t in, int64_t out, bool with_bias);
  at::Tensor forward(const at::Tensor& x);  // [..., in]

  at::Tensor weight, bias;
};

// Over the last dimension; weight 1, bias 0.
class LayerNorm : public torch::nn::Module {
 public:
  explicit LayerNorm(int64_t dim, double eps = 1e-6);
  at::Tensor forward(const at::Tensor& x);  // [..., dim]
  double eps() const { return eps_; }

  at::Tensor weight, bias;

 private:
  double eps_;
};

}  // namespace vistas::learn
