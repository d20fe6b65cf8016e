#include "vistas/vision/encoders/pyramid.h"

#include <ATen/ATen.h>

namespace vistas::vision {

ConvNorm::ConvNorm(int64_t in, int64_t out, int64_t kernel, int64_t stride, bool relu,
                   at::Generator& generator)
    : relu_(relu),
      conv_(register_module(
          "conv", std::make_shared<learn::Conv2d>(in, out, kernel, stride, kernel / 2, generator))),
      norm_(register_module("norm", std::make_shared<learn::BatchNorm>(out))) {}

at::Tensor ConvNorm::forward(const at::Tensor& x) {
  const at::Tensor y = conv_->forward(x);
  return relu_ ? norm_->forward_relu(y) : norm_->forward(y);
}

FeaturePyramid::FeaturePyramid(const std::vector<int64_t>& in, int64_t channels, int64_t extra,
                               at::Generator& generator) {
  const auto add = [&](const std::string& name, int64_t from, int64_t kernel, int64_t stride) {
    return register_module(
        name, std::make_shared<ConvNorm>(from, channels, kernel, stride, false, generator));
  };
  for (size_t i = 0; i < in.size(); ++i) {
    const std::string number = std::to_string(i + 1);
    lateral_.push_back(add("lateral" + number, in[i], 1, 1));
    output_.push_back(add("output" + number, channels, 3, 1));
  }
  for (int64_t i = 0; i < extra; ++i) {
    extra_.push_back(add("extra" + std::to_string(i + 1), channels, 3, 2));
  }
}

std::vector<at::Tensor> FeaturePyramid::forward(const std::vector<at::Tensor>& maps) {
  std::vector<at::Tensor> levels(maps.size());
  at::Tensor coarser;
  for (size_t i = maps.size(); i-- > 0;) {
    at::Tensor x = lateral_[i]->forward(maps[i]);
    if (coarser.defined()) {
      x = x + at::upsample_nearest2d(coarser, {x.size(2), x.size(3)});
    }
    levels[i] = output_[i]->forward(x);
    coarser = x;
  }
  for (const auto& next : extra_) levels.push_back(next->forward(levels.back()));
  return levels;
}

}  // namespace vistas::vision
