// Residual networks with torchvision's tensor names. He et al., "Deep residual learning for image
// recognition", 2016.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "vistas/learn/layers.h"
#include "vistas/vision/encoders/image_encoder.h"

namespace vistas::vision {

// imagenet: 7x7 convolution of stride 2 and 3x3 max-pooling of stride 2; cifar: 3x3 convolution of
// stride 1 only, for pictures of up to about 64 pixels.
enum class Stem { imagenet, cifar };

struct ResNetShape {
  std::array<int64_t, 4> blocks{2, 2, 2, 2};
  bool bottleneck = false;  // blocks of 1x1, 3x3, 1x1 (ResNet-50) instead of two 3x3
  Stem stem = Stem::imagenet;
  int64_t channels = 3;
  int64_t width = 64;  // channels of the first stage; 64 is the published network
};

class ResidualBlock;

class ResNet : public MapEncoder {
 public:
  ResNet(const ResNetShape& shape, uint64_t seed);

  // Global average of the last stage, [B, dim()].
  using MapEncoder::forward;
  at::Tensor forward(const at::Tensor& pixels) override;
  at::Tensor map(const at::Tensor& pixels) override { return stages(pixels).back(); }
  int64_t dim() const override { return dim_; }

  // Outputs of the four stages, [B, c, h, w] each, coarser and coarser.
  std::vector<at::Tensor> stages(const at::Tensor& pixels);
  // Pixels from one place to the next in the output of stage 0 .. 3.
  int64_t stride(int64_t stage) const { return (stem_ == Stem::imagenet ? 4 : 1) << stage; }

 private:
  Stem stem_;
  int64_t channels_, dim_ = 0;
  std::shared_ptr<learn::Conv2d> conv1_;
  std::shared_ptr<learn::BatchNorm> bn1_;
  std::vector<std::vector<std::shared_ptr<ResidualBlock>>> stages_;
};

}  // namespace vistas::vision
