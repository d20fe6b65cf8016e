// Four blocks of 3x3 convolution, batch norm, ReLU and 2x2 max-pooling: for small pictures and
// small machines. Vinyals et al., "Matching networks for one shot learning", 2016.
#pragma once

#include <memory>
#include <vector>

#include "vistas/learn/layers.h"
#include "vistas/vision/encoders/image_encoder.h"

namespace vistas::vision {

struct Conv4Shape {
  int64_t channels = 3;
  int64_t width = 64;
  int64_t image_size = 32;
};

class Conv4 : public ImageEncoder {
 public:
  Conv4(const Conv4Shape& shape, uint64_t seed);

  // The last block averaged to 2 x 2 cells (one cell below 32 pixels), flattened. Pictures have
  // 16 x 16 pixels or more.
  using ImageEncoder::forward;
  at::Tensor forward(const at::Tensor& pixels) override;
  int64_t dim() const override { return width_ * cells_ * cells_; }

 private:
  int64_t channels_, width_, cells_;
  std::vector<std::shared_ptr<learn::Conv2d>> convs_;
  std::vector<std::shared_ptr<learn::BatchNorm>> norms_;
};

}  // namespace vistas::vision
