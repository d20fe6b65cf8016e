#include "pixel_mlp.h"

#include <ATen/ATen.h>

namespace extend {

namespace learn = vistas::learn;

PixelMlp::PixelMlp(const vistas::vision::EncoderOptions& options, uint64_t seed)
    : dim_(options.width) {
  at::Generator generator = learn::initial_values(seed);
  const int64_t pixels = options.channels * options.image_size * options.image_size;
  linear1_ = register_module(
      "linear1", std::make_shared<learn::Linear>(pixels, dim_, /*with_bias=*/false, generator));
  norm1_ = register_module("norm1", std::make_shared<learn::BatchNorm>(dim_));
  linear2_ = register_module(
      "linear2", std::make_shared<learn::Linear>(dim_, dim_, /*with_bias=*/false, generator));
  norm2_ = register_module("norm2", std::make_shared<learn::BatchNorm>(dim_));
}

at::Tensor PixelMlp::forward(const at::Tensor& pixels) {
  const at::Tensor hidden = norm1_->forward_relu(linear1_->forward(pixels.flatten(1)));
  return norm2_->forward_relu(linear2_->forward(hidden));
}

}  // namespace extend
