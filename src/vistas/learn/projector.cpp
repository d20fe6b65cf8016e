#include "vistas/learn/projector.h"

#include <ATen/ATen.h>

namespace vistas::learn {

Projector::Projector(int64_t in, const ProjectorOptions& options, uint64_t seed)
    : dim_(in), activation_(options.activation) {
  at::Generator generator = initial_values(seed);
  const int64_t hidden = options.hidden == 0 ? in : options.hidden;
  for (int64_t i = 0; i < options.layers; ++i) {
    const bool last = i + 1 == options.layers;
    const bool norm = last ? options.last_norm : options.norm;
    const int64_t from = dim_;
    dim_ = last ? options.out : hidden;
    const std::string number = std::to_string(i + 1);
    linears_.push_back(
        register_module("linear" + number, std::make_shared<Linear>(from, dim_, !norm, generator)));
    norms_.push_back(nullptr);
    if (norm) {
      norms_.back() = register_module(
          "norm" + number,
          std::make_shared<BatchNorm>(dim_, /*affine=*/!last || options.last_affine));
    }
  }
}

at::Tensor Projector::forward(const at::Tensor& features) {
  at::Tensor x = features;
  for (size_t i = 0; i < linears_.size(); ++i) {
    const bool last = i + 1 == linears_.size();
    x = linears_[i]->forward(x);
    const bool relu = !last && activation_ == Activation::relu;
    if (norms_[i]) {
      x = relu ? norms_[i]->forward_relu(x) : norms_[i]->forward(x);
    } else if (relu) {
      x = x.relu();
    }
    if (!last && activation_ == Activation::gelu) x = at::gelu(x);
  }
  return x;
}

}  // namespace vistas::learn
