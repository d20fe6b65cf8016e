// Networks with an answer for every place of a picture: a backbone that may come from a run without
// labels, a feature pyramid, and a head.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "vistas/base/options.h"
#include "vistas/vision/encoders/image_encoder.h"
#include "vistas/vision/encoders/pyramid.h"
#include "vistas/vision/encoders/resnet.h"

namespace vistas::vision {

struct HeadOptions {
  int64_t channels = 64;
  int64_t convolutions = 2;
  int64_t levels = 5;

  void fields(Fields& f);
};

class DenseNetwork : public ImageEncoder {
 public:
  // A frozen backbone stays in evaluation mode and takes no gradients.
  void freeze_backbone();
  void train(bool on = true) override;
  const std::shared_ptr<ResNet>& backbone() const { return backbone_; }
  int64_t classes() const { return classes_; }

 protected:
  // A usage error unless `backbone` is a ResNet without a neck.
  DenseNetwork(const std::shared_ptr<ImageEncoder>& backbone, int64_t classes);
  // The outputs of the stages `first`, first + 1 ... (from 0).
  std::vector<at::Tensor> maps(const at::Tensor& pixels, int64_t first);
  std::vector<int64_t> map_channels(int64_t first) const;

 private:
  std::shared_ptr<ResNet> backbone_;
  int64_t classes_;
  bool frozen_ = false;
};

// A level of places: their distance in pixels, and how many there are.
struct Level {
  int64_t stride = 0, height = 0, width = 0;
};

// FCOS: every place of five levels says which class it shows, how far the four sides of its box are
// and how near it is to the middle of it. Tian et al., "FCOS: fully convolutional one-stage object
// detection", ICCV 2019 (and TPAMI 2020). The levels share the weights of convolutions and have
// their own batch norms, where the paper has group norm.
class Detector : public DenseNetwork {
 public:
  Detector(const std::shared_ptr<ImageEncoder>& backbone, int64_t classes,
           const HeadOptions& options, uint64_t seed);

  // [B, P, classes + 5] float32: logits of the classes; left, top, right, bottom: the distances of
  // the sides in pixels, at least 0; the logit of the centre-ness. Places level by level, row by
  // row.
  using ImageEncoder::forward;
  at::Tensor forward(const at::Tensor& pixels) override;
  int64_t dim() const override { return classes() + 5; }

  // The levels for pictures of this size, in the order of the places.
  std::vector<Level> levels(int64_t height, int64_t width) const;

 private:
  struct Tower {
    std::vector<std::shared_ptr<learn::Conv2d>> convs;
    std::vector<std::vector<std::shared_ptr<learn::BatchNorm>>> norms;  // by level
    at::Tensor forward(at::Tensor x, size_t level) const;
  };
  Tower make_tower(const std::string& name, const HeadOptions& options, at::Generator& generator);

  std::vector<int64_t> strides_;
  std::shared_ptr<FeaturePyramid> pyramid_;
  Tower class_tower_, box_tower_;
  std::shared_ptr<learn::Conv2d> class_logits_, sides_, centreness_;
  at::Tensor class_bias_, side_bias_, centreness_bias_, scales_;
};

// Every place says which class it shows: the levels of a pyramid are brought to the size of the
// finest one and added up. Kirillov et al., "Panoptic feature pyramid networks", CVPR 2019.
class Segmenter : public DenseNetwork {
 public:
  Segmenter(const std::shared_ptr<ImageEncoder>& backbone, int64_t classes,
            const HeadOptions& options, uint64_t seed);

  // Logits [B, classes, h, w] of the finest stage's size.
  using ImageEncoder::forward;
  at::Tensor forward(const at::Tensor& pixels) override;
  int64_t dim() const override { return classes(); }

 private:
  std::shared_ptr<FeaturePyramid> pyramid_;
  std::vector<std::vector<std::shared_ptr<ConvNorm>>> branches_;  // by level
  std::shared_ptr<learn::Conv2d> logits_;
  at::Tensor bias_;
};

}  // namespace vistas::vision
