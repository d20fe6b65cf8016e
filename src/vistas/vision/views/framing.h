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
  Box source_box(int height, int width, Draws& draws) const override;
  void frame(const ImageView& part, int height, int width, bool mirror,
             ViewState& state) const override;

 private:
  Spread scale_{0.08, 1.0}, ratio_{3.0 / 4.0, 4.0 / 3.0};
  std::string interpolation_ = "bilinear";
};

// The whole picture, stretched to the size of the view.
class Resize final : public Framing {
 public:
  void fields(Fields& f) override;
  Box source_box(int height, int width, Draws& draws) const override;
  void frame(const ImageView& part, int height, int width, bool mirror,
             ViewState& state) const override;

 private:
  std::string interpolation_ = "bilinear";
};

// The middle of the picture after its short side is resized to size / keep (torchvision's Resize
// and CenterCrop).
class CenterCrop final : public Framing {
 public:
  void fields(Fields& f) override;
  Box source_box(int height, int width, Draws& draws) const override;
  void frame(const ImageView& part, int height, int width, bool mirror,
             ViewState& state) const override;

 private:
  double keep_ = 0.875;
  std::string interpolation_ = "bilinear";
};

}  // namespace vistas::vision
