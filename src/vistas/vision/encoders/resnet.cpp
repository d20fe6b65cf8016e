#include "vistas/vision/encoders/resnet.h"

#include <ATen/ATen.h>

#include "vistas/learn/recompute.h"
#include "vistas/vision/encoders/pixels.h"

namespace vistas::vision {

using learn::BatchNorm;
using learn::Conv2d;

// A shortcut around two 3x3 convolutions, or around 1x1, 3x3, 1x1.
class ResidualBlock : public torch::nn::Module {
 public:
  ResidualBlock(int64_t in, int64_t planes, int64_t stride, bool bottleneck,
                at::Generator& generator) {
    const int64_t out = bottleneck ? 4 * planes : planes;
    const auto add = [&](int64_t from, int64_t to, int64_t kernel, int64_t step) {
      const std::string number = std::to_string(convs_.size() + 1);
      convs_.push_back(
          register_module("conv" + number,
                          std::make_shared<Conv2d>(from, to, kernel, step, kernel / 2, generator)));
      norms_.push_back(register_module("bn" + number, std::make_shared<BatchNorm>(to)));
    };
    if (bottleneck) {
      add(in, planes, 1, 1);
      add(planes, planes, 3, stride);
      add(planes, out, 1, 1);
    } else {
      add(in, planes, 3, stride);
      add(planes, planes, 3, 1);
    }
    if (stride != 1 || in != out) {
      auto downsample = register_module("downsample", std::make_shared<torch::nn::Module>());
      shortcut_ = downsample->register_module(
          "0", std::make_shared<Conv2d>(in, out, 1, stride, 0, generator));
      shortcut_norm_ = downsample->register_module("1", std::make_shared<BatchNorm>(out));
    }
  }

  at::Tensor forward(const at::Tensor& x) {
    at::Tensor y = x;
    for (size_t i = 0; i + 1 < convs_.size(); ++i) {
      y = norms_[i]->forward_relu(convs_[i]->forward(y));
    }
    y = convs_.back()->forward(y);
    const at::Tensor residual = shortcut_ ? shortcut_norm_->forward(shortcut_->forward(x)) : x;
    return norms_.back()->forward_add_relu(y, residual);
  }

 private:
  std::vector<std::shared_ptr<Conv2d>> convs_;
  std::vector<std::shared_ptr<BatchNorm>> norms_;
  std::shared_ptr<Conv2d> shortcut_;
  std::shared_ptr<BatchNorm> shortcut_norm_;
};

ResNet::ResNet(const ResNetShape& shape, uint64_t seed)
    : stem_(shape.stem), channels_(shape.channels) {
  at::Generator generator = learn::initial_values(seed);
  const bool small = stem_ == Stem::cifar;
  conv1_ =
      register_module("conv1", std::make_shared<Conv2d>(channels_, shape.width, small ? 3 : 7,
                                                        small ? 1 : 2, small ? 1 : 3, generator));
  bn1_ = register_module("bn1", std::make_shared<BatchNorm>(shape.width));
  int64_t in = shape.width;
  for (size_t s = 0; s < shape.blocks.size(); ++s) {
    auto stage =
        register_module("layer" + std::to_string(s + 1), std::make_shared<torch::nn::Module>());
    const int64_t planes = shape.width << s;
    std::vector<std::shared_ptr<ResidualBlock>> blocks;
    for (int64_t b = 0; b < shape.blocks[s]; ++b) {
      const int64_t stride = s > 0 && b == 0 ? 2 : 1;
      blocks.push_back(stage->register_module(
          std::to_string(b),
          std::make_shared<ResidualBlock>(in, planes, stride, shape.bottleneck, generator)));
      in = shape.bottleneck ? 4 * planes : planes;
    }
    stages_.push_back(std::move(blocks));
  }
  dim_ = in;
}

std::vector<at::Tensor> ResNet::stages(const at::Tensor& pixels) {
  check_pixels(pixels, "resnet", channels_);
  std::vector<at::Tensor> parameters = bn1_->parameters();
  parameters.push_back(conv1_->weight);
  at::Tensor x = learn::recomputed({pixels}, parameters, [this](const auto& in) {
    const at::Tensor y = bn1_->forward_relu(conv1_->forward(in[0]));
    return stem_ == Stem::imagenet ? at::max_pool2d(y, {3, 3}, {2, 2}, {1, 1}) : y;
  });
  std::vector<at::Tensor> outputs;
  for (const auto& stage : stages_) {
    for (const auto& block : stage) {
      x = learn::recomputed({x}, block->parameters(),
                            [block](const auto& in) { return block->forward(in[0]); });
    }
    outputs.push_back(x);
  }
  return outputs;
}

at::Tensor ResNet::forward(const at::Tensor& pixels) {
  return map(pixels).mean({2, 3});
}

}  // namespace vistas::vision
