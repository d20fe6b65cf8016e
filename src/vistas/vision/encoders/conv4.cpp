#include "vistas/vision/encoders/conv4.h"

#include <ATen/ATen.h>

#include "vistas/learn/max_pool.h"
#include "vistas/vision/encoders/pixels.h"

namespace vistas::vision {

Conv4::Conv4(const Conv4Shape& shape, uint64_t seed)
    : channels_(shape.channels), width_(shape.width), cells_(shape.image_size < 32 ? 1 : 2) {
  at::Generator generator = learn::initial_values(seed);
  for (int64_t i = 0; i < 4; ++i) {
    const std::string number = std::to_string(i + 1);
    const int64_t in = i == 0 ? channels_ : width_;
    convs_.push_back(register_module(
        "conv" + number, std::make_shared<learn::Conv2d>(in, width_, 3, 1, 1, generator)));
    norms_.push_back(register_module("bn" + number, std::make_shared<learn::BatchNorm>(width_)));
  }
}

at::Tensor Conv4::forward(const at::Tensor& pixels) {
  check_pixels(pixels, "conv4", channels_);
  at::Tensor x = pixels;
  for (size_t i = 0; i < convs_.size(); ++i) {
    x = learn::max_pool_2x2(norms_[i]->forward_relu(convs_[i]->forward(x)));
  }
  return at::adaptive_avg_pool2d(x, {cells_, cells_}).flatten(1);
}

}  // namespace vistas::vision
