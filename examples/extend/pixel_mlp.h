// An encoder of our own: a perceptron over all pixels of a picture.
#pragma once

#include <memory>

#include "vistas/learn/layers.h"
#include "vistas/vision/encoders/encoders.h"

namespace extend {

// Two layers of linear, batch norm and ReLU, encoder.width wide, on pictures of encoder.channels
// and encoder.image_size.
class PixelMlp : public vistas::vision::ImageEncoder {
 public:
  PixelMlp(const vistas::vision::EncoderOptions& options, uint64_t seed);

  using ImageEncoder::forward;
  at::Tensor forward(const at::Tensor& pixels) override;  // [B, C, H, W] -> [B, dim()]
  int64_t dim() const override { return dim_; }

 private:
  int64_t dim_;
  std::shared_ptr<vistas::learn::Linear> linear1_, linear2_;
  std::shared_ptr<vistas::learn::BatchNorm> norm1_, norm2_;
};

}  // namespace extend
