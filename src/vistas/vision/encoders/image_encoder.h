// What all image encoders share: their input is the pixels.
#pragma once

#include "vistas/learn/encoder.h"

namespace vistas::vision {

class ImageEncoder : public learn::Encoder {
 public:
  at::Tensor forward(const learn::Inputs& inputs) final { return forward(inputs.at("pixels")); }
  // Features [B, dim()] of pictures [B, C, H, W].
  virtual at::Tensor forward(const at::Tensor& pixels) = 0;
};

// An encoder whose last features still have their places in the picture.
class MapEncoder : public ImageEncoder {
 public:
  using ImageEncoder::forward;
  virtual at::Tensor map(const at::Tensor& pixels) = 0;  // [B, dim(), h, w]
};

}  // namespace vistas::vision
