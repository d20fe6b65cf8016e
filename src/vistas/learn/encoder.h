// The network whose output is kept: from one view of a batch to one feature row a sample.
#pragma once

#include <torch/nn/module.h>

#include "vistas/learn/batch.h"

namespace vistas::learn {

class Encoder : public torch::nn::Module {
 public:
  virtual at::Tensor forward(const Inputs& inputs) = 0;  // [B, dim()]
  virtual int64_t dim() const = 0;
};

}  // namespace vistas::learn
