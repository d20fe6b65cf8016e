#include "vistas/vision/views/framing.h"

#include <cmath>

namespace vistas::vision {
namespace {

// Python's round: halves go to the even number.
int round_even(double v) {
  return static_cast<int>(std::nearbyint(v));
}

Box whole(const ImageView& image) {
  return {0, 0, image.height, image.width};
}

void add_interpolation(Fields& f, std::string& interpolation) {
  f.add("interpolation", interpolation, "how pixels are weighted", kInterpolationNames);
}

}  // namespace

void RandomResizedCrop::fields(Fields& f) {
  f.add("scale", scale_, "area of the box as a part of the picture's", {1e-6, 1});
  f.add("ratio", ratio_, "width / height of the box", {1e-3, 1e3});
  add_interpolation(f, interpolation_);
}

void RandomResizedCrop::prepare(const std::string& where) {
  check_spread(where, "scale", scale_);
  check_spread(where, "ratio", ratio_);
}

Box RandomResizedCrop::source_box(int height, int width, Draws& draws) const {
  const double area = static_cast<double>(height) * width;
  const double low = ratio_.front(), high = ratio_.back();
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double target = area * draw(draws, scale_);
    const double ratio = std::exp(draws.uniform(std::log(low), std::log(high)));
    const int w = round_even(std::sqrt(target * ratio));
    const int h = round_even(std::sqrt(target / ratio));
    if (w < 1 || h < 1 || w > width || h > height) continue;
    const int top = static_cast<int>(draws.below(height - h + 1));
    const int left = static_cast<int>(draws.below(width - w + 1));
    return {top, left, h, w};
  }
  const double ratio = static_cast<double>(width) / height;
  int w = width, h = height;
  if (ratio < low) h = std::clamp(round_even(w / low), 1, height);
  if (ratio > high) w = std::clamp(round_even(h * high), 1, width);
  return {(height - h) / 2, (width - w) / 2, h, w};
}

void RandomResizedCrop::frame(const ImageView& part, int height, int width, bool mirror,
                              ViewState& state) const {
  const ResizeOptions options{.interpolation = interpolation_named(interpolation_),
                              .mirror = mirror};
  resized_crop(part, whole(part), height, width, options, state.resize, state.image);
}

void Resize::fields(Fields& f) {
  add_interpolation(f, interpolation_);
}

Box Resize::source_box(int height, int width, Draws&) const {
  return {0, 0, height, width};
}

void Resize::frame(const ImageView& part, int height, int width, bool mirror,
                   ViewState& state) const {
  const ResizeOptions options{.interpolation = interpolation_named(interpolation_),
                              .mirror = mirror};
  resized_crop(part, whole(part), height, width, options, state.resize, state.image);
}

void CenterCrop::fields(Fields& f) {
  f.add("keep", keep_, "size of the view / size to which the short side is resized", {0.01, 1});
  add_interpolation(f, interpolation_);
}

Box CenterCrop::source_box(int height, int width, Draws&) const {
  return {0, 0, height, width};
}

void CenterCrop::frame(const ImageView& part, int height, int width, bool mirror,
                       ViewState& state) const {
  // The resized picture covers the view with both sides.
  const double target = std::max(height, width) / keep_;
  const int side = std::max(round_even(target), std::max(height, width));
  const int shorter = std::min(part.height, part.width);
  const auto scaled = [&](int n) {
    return n == shorter ? side : static_cast<int>(static_cast<int64_t>(side) * n / shorter);
  };
  const int full_height = scaled(part.height), full_width = scaled(part.width);
  const Box window{round_even((full_height - height) / 2.0), round_even((full_width - width) / 2.0),
                   height, width};
  const ResizeOptions options{
      .interpolation = interpolation_named(interpolation_), .mirror = mirror, .window = window};
  resized_crop(part, whole(part), full_height, full_width, options, state.resize, state.image);
}

}  // namespace vistas::vision
