// What turns samples into features.
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

namespace vistas::learn {

class Encoder : public torch::nn::Module {
 public:
  // Features [B, dim()] of pictures [B, C, H, W].
  virtual at::Tensor forward(const at::Tensor& pixels) = 0;
  virtual int64_t dim() const = 0;
};

}  // namespace vistas::learn
