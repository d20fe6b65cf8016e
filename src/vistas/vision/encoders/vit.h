// Vision transformers with torchvision's tensor names. Dosovitskiy et al., "An image is worth 16x16
// words", 2021.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "vistas/learn/layers.h"
#include "vistas/vision/encoders/image_encoder.h"

namespace vistas::vision {

struct VitShape {
  int64_t dim = 192;
  int64_t depth = 12;
  int64_t heads = 3;
  int64_t image_size = 224;
  int64_t patch = 16;
  int64_t channels = 3;
};

class VitBlock;

class Vit : public ImageEncoder {
 public:
  // Throws a usage error unless the patch divides the image size and the heads the width.
  Vit(const VitShape& shape, uint64_t seed);

  // The class token after the last norm, [B, dim()].
  at::Tensor forward(const at::Tensor& pixels) override { return tokens(pixels).select(1, 0); }
  int64_t dim() const override { return shape_.dim; }

  // All tokens after the last norm, [B, 1 + patches, dim()], class token first.
  at::Tensor tokens(const at::Tensor& pixels);

  // The tokens after every block, before the last norm.
  std::vector<at::Tensor> stages(const at::Tensor& pixels);

 private:
  // Positions of the tokens of a picture: for another size than shape.image_size the grid of
  // positions is resized (bicubic), as DINO does for its small views.
  at::Tensor positions(int64_t height, int64_t width) const;

  VitShape shape_;
  at::Tensor class_token_, position_;
  at::Tensor patch_weight_, patch_bias_;
  std::vector<std::shared_ptr<VitBlock>> blocks_;
  std::shared_ptr<learn::LayerNorm> norm_;
};

// torchvision's name of a tensor that timm calls `name`; other names come back unchanged.
std::string vit_name_from_timm(const std::string& name);

}  // namespace vistas::vision
