// The operations that give a view its size.
#pragma once

#include "vistas/vision/views/operation.h"

namespace vistas::vision {

// A random box, resized: area U(scale) of the picture, aspect ratio exp(U(log ratio)), ten tries,
// then the largest central box within the ratios (torchvision's RandomResizedCrop).
class RandomResizedCrop final : public Framing {
 public:
  void fields(Fields& f) override;
  void prepare(const std::string& where) override;
  Placement place(const Extent& picture, const Extent& view, Draws& draws) const override;
  void frame(const ImageView& part, const Box& to, const Extent& view, bool mirror,
             ViewState& state) const override;

 private:
  Box random_box(int height, int width, Draws& draws) const;

  Spread scale_{0.08, 1.0}, ratio_{3.0 / 4.0, 4.0 / 3.0};
  std::string interpolation_ = "bilinear";
};

// The whole picture, stretched to the size of the view.
class Resize final : public Framing {
 public:
  void fields(Fields& f) override;
  Placement place(const Extent& picture, const Extent& view, Draws& draws) const override;
  void frame(const ImageView& part, const Box& to, const Extent& view, bool mirror,
             ViewState& state) const override;

 private:
  std::string interpolation_ = "bilinear";
};

// The middle of the picture after its short side is resized to size / keep (torchvision's Resize
// and CenterCrop).
class CenterCrop final : public Framing {
 public:
  void fields(Fields& f) override;
  Placement place(const Extent& picture, const Extent& view, Draws& draws) const override;
  void frame(const ImageView& part, const Box& to, const Extent& view, bool mirror,
             ViewState& state) const override;

 private:
  double keep_ = 0.875;
  std::string interpolation_ = "bilinear";
};

// The picture in its own proportions, with `fill` where it does not cover the view.
class InProportion : public Framing {
 public:
  void fields(Fields& f) override;
  void frame(const ImageView& part, const Box& to, const Extent& view, bool mirror,
             ViewState& state) const override;

 private:
  double fill_ = 0.5;
  std::string interpolation_ = "bilinear";
};

// Scaled by U(scale) times what makes it fit into the view: where it is then larger than the view,
// a window of it drawn evenly; where it is smaller, at a place drawn evenly (large scale jitter:
// Ghiasi et al., "Simple copy-paste", CVPR 2021).
class ScaleJitter final : public InProportion {
 public:
  void fields(Fields& f) override;
  void prepare(const std::string& where) override;
  Placement place(const Extent& picture, const Extent& view, Draws& draws) const override;

 private:
  Spread scale_{0.5, 2.0};
};

// As large as fits, in the top left corner.
class Letterbox final : public InProportion {
 public:
  Placement place(const Extent& picture, const Extent& view, Draws& draws) const override;
};

}  // namespace vistas::vision
