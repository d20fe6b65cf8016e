// Maps of features at several scales, each with what the coarser ones know. Lin et al., "Feature
// pyramid networks for object detection", CVPR 2017.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "vistas/learn/layers.h"

namespace vistas::vision {

// A 3x3 or 1x1 convolution without bias, batch norm and, if asked for, ReLU.
class ConvNorm : public torch::nn::Module {
 public:
  ConvNorm(int64_t in, int64_t out, int64_t kernel, int64_t stride, bool relu,
           at::Generator& generator);
  at::Tensor forward(const at::Tensor& x);

 private:
  bool relu_;
  std::shared_ptr<learn::Conv2d> conv_;
  std::shared_ptr<learn::BatchNorm> norm_;
};

class FeaturePyramid : public torch::nn::Module {
 public:
  // `in`: the channels of the maps, fine to coarse; `extra`: coarser levels made of the coarsest
  // one by convolutions of stride 2.
  FeaturePyramid(const std::vector<int64_t>& in, int64_t channels, int64_t extra,
                 at::Generator& generator);

  // One map of `channels` a level, of the sizes of `maps`, then the extra ones.
  std::vector<at::Tensor> forward(const std::vector<at::Tensor>& maps);

 private:
  std::vector<std::shared_ptr<ConvNorm>> lateral_, output_, extra_;
};

}  // namespace vistas::vision
