#include "vistas/vision/encoders/dense_network.h"

#include <ATen/ATen.h>

#include <cmath>

#include "vistas/base/error.h"

namespace vistas::vision {

void HeadOptions::fields(Fields& f) {
  f.add("channels", channels, "of the feature pyramid and the head", {8, 4096});
  f.add("convolutions", convolutions, "boxes: 3x3 convolutions before the answers", {0, 16});
  f.add("levels", levels, "boxes: scales at which objects are looked for, the finest first",
        {3, 8});
}

DenseNetwork::DenseNetwork(const std::shared_ptr<ImageEncoder>& backbone, int64_t classes)
    : backbone_(std::dynamic_pointer_cast<ResNet>(backbone)), classes_(classes) {
  if (!backbone_) {
    throw Error(ErrorKind::usage, {.what = "the backbone of a detector or segmenter",
                                   .got = "a network without maps at several scales",
                                   .expected = "resnet18, resnet34 or resnet50 without a neck"});
  }
  register_module("backbone", backbone_);
}

void DenseNetwork::freeze_backbone() {
  frozen_ = true;
  for (at::Tensor& p : backbone_->parameters()) p.set_requires_grad(false);
  backbone_->eval();
}

void DenseNetwork::train(bool on) {
  ImageEncoder::train(on);
  if (frozen_) backbone_->eval();
}

std::vector<at::Tensor> DenseNetwork::maps(const at::Tensor& pixels, int64_t first) {
  std::vector<at::Tensor> stages = backbone_->stages(pixels);
  stages.erase(stages.begin(), stages.begin() + first);
  return stages;
}

std::vector<int64_t> DenseNetwork::map_channels(int64_t first) const {
  std::vector<int64_t> channels;
  for (int64_t stage = 3; stage >= first; --stage) {
    channels.insert(channels.begin(), backbone_->dim() >> (3 - stage));
  }
  return channels;
}

namespace {

// A bias for every channel of [B, C, H, W].
at::Tensor with_bias(const at::Tensor& x, const at::Tensor& bias) {
  return x.to(at::kFloat) + bias.view({1, -1, 1, 1});
}

// [B, C, H, W] as [B, H W, C]; what is stored channels-last stays where it is.
at::Tensor by_place(const at::Tensor& x) {
  return x.permute({0, 2, 3, 1}).flatten(1, 2);
}

constexpr int64_t kFirstStage = 1;  // of a detector: stride 8 with the usual stem
// A place shows an object with this probability before anything is learned (Lin et al., "Focal
// loss", 2017), so that the many places without one do not drown the first steps.
constexpr double kPrior = 0.01;
constexpr double kMostLogSide = 10;  // 22,026 strides: beyond all pictures, and no overflow

}  // namespace

Detector::Detector(const std::shared_ptr<ImageEncoder>& network, int64_t classes,
                   const HeadOptions& options, uint64_t seed)
    : DenseNetwork(network, classes) {
  const std::vector<int64_t> in = map_channels(kFirstStage);
  const auto extra = options.levels - static_cast<int64_t>(in.size());
  at::Generator generator = learn::initial_values(seed);
  pyramid_ = register_module(
      "pyramid", std::make_shared<FeaturePyramid>(in, options.channels, extra, generator));
  for (int64_t i = 0; i < options.levels; ++i) {
    strides_.push_back(backbone()->stride(kFirstStage) << i);
  }
  class_tower_ = make_tower("class", options, generator);
  box_tower_ = make_tower("box", options, generator);
  const auto answer = [&](const std::string& name, int64_t out) {
    return register_module(
        name, std::make_shared<learn::Conv2d>(options.channels, out, 3, 1, 1, generator));
  };
  class_logits_ = answer("class_logits", classes);
  sides_ = answer("sides", 4);
  centreness_ = answer("centreness", 1);
  const at::NoGradGuard no_grad;
  for (const auto& conv : {class_logits_, sides_, centreness_})
    conv->weight.normal_(0, 0.01, generator);
  class_bias_ =
      register_parameter("class_bias", at::full({classes}, -std::log((1 - kPrior) / kPrior)));
  side_bias_ = register_parameter("side_bias", at::zeros({4}));
  centreness_bias_ = register_parameter("centreness_bias", at::zeros({1}));
  scales_ = register_parameter("scales", at::ones({options.levels}));
}

Detector::Tower Detector::make_tower(const std::string& name, const HeadOptions& options,
                                     at::Generator& generator) {
  Tower tower;
  for (int64_t i = 1; i <= options.convolutions; ++i) {
    const std::string conv = name + "_conv" + std::to_string(i);
    tower.convs.push_back(register_module(
        conv,
        std::make_shared<learn::Conv2d>(options.channels, options.channels, 3, 1, 1, generator)));
    auto& norms = tower.norms.emplace_back();
    for (int64_t level = 1; level <= options.levels; ++level) {
      norms.push_back(register_module(conv + "_norm" + std::to_string(level),
                                      std::make_shared<learn::BatchNorm>(options.channels)));
    }
  }
  return tower;
}

at::Tensor Detector::Tower::forward(at::Tensor x, size_t level) const {
  for (size_t i = 0; i < convs.size(); ++i) {
    x = norms[i][level]->forward_relu(convs[i]->forward(x));
  }
  return x;
}

at::Tensor Detector::forward(const at::Tensor& pixels) {
  const std::vector<at::Tensor> all = pyramid_->forward(maps(pixels, kFirstStage));
  std::vector<at::Tensor> places;
  for (size_t i = 0; i < all.size(); ++i) {
    const at::Tensor boxes = box_tower_.forward(all[i], i);
    const at::Tensor distance =
        (with_bias(sides_->forward(boxes), side_bias_) * scales_[static_cast<int64_t>(i)])
            .clamp_max(kMostLogSide)
            .exp();
    places.push_back(by_place(
        at::cat({with_bias(class_logits_->forward(class_tower_.forward(all[i], i)), class_bias_),
                 distance * strides_[i], with_bias(centreness_->forward(boxes), centreness_bias_)},
                1)));
  }
  return at::cat(places, 1);
}

std::vector<Level> Detector::levels(int64_t height, int64_t width) const {
  std::vector<Level> out;
  for (const int64_t stride : strides_) {
    out.push_back({stride, (height + stride - 1) / stride, (width + stride - 1) / stride});
  }
  return out;
}

Segmenter::Segmenter(const std::shared_ptr<ImageEncoder>& network, int64_t classes,
                     const HeadOptions& options, uint64_t seed)
    : DenseNetwork(network, classes) {
  at::Generator generator = learn::initial_values(seed);
  const std::vector<int64_t> in = map_channels(0);
  pyramid_ = register_module("pyramid",
                             std::make_shared<FeaturePyramid>(in, options.channels, 0, generator));
  for (size_t level = 0; level < in.size(); ++level) {
    auto& branch = branches_.emplace_back();
    for (size_t i = 0; i < std::max<size_t>(level, 1); ++i) {
      branch.push_back(register_module(
          "branch" + std::to_string(level + 1) + "_" + std::to_string(i + 1),
          std::make_shared<ConvNorm>(options.channels, options.channels, 3, 1, true, generator)));
    }
  }
  logits_ = register_module(
      "logits", std::make_shared<learn::Conv2d>(options.channels, classes, 1, 1, 0, generator));
  const at::NoGradGuard no_grad;
  // As of a linear layer: what suits convolutions with many outputs is far too large for a few.
  const double most = 1 / std::sqrt(static_cast<double>(options.channels));
  logits_->weight.uniform_(-most, most, generator);
  bias_ = register_parameter("bias", at::zeros({classes}));
}

at::Tensor Segmenter::forward(const at::Tensor& pixels) {
  const std::vector<at::Tensor> all = pyramid_->forward(maps(pixels, 0));
  at::Tensor sum;
  for (size_t level = 0; level < all.size(); ++level) {
    at::Tensor x = all[level];
    for (size_t i = 0; i < branches_[level].size(); ++i) {
      x = branches_[level][i]->forward(x);
      if (level == 0) continue;
      const at::Tensor& finer = all[level - i - 1];
      x = at::upsample_bilinear2d(x, {finer.size(2), finer.size(3)}, false);
    }
    sum = sum.defined() ? sum + x : x;
  }
  return with_bias(logits_->forward(sum), bias_);
}

}  // namespace vistas::vision
