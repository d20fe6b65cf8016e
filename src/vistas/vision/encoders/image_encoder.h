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

}  // namespace vistas::vision
