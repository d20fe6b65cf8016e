#include "vistas/vision/views/framing.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace vistas::vision {
namespace {

// Python's round: halves go to the even number.
int round_even(double v) {
  return static_cast<int>(std::nearbyint(v));
}

Box whole(const ImageView& image) {
  return {0, 0, image.height, image.width};
}

Box whole(const Extent& size) {
  return {0, 0, size.height, size.width};
}

// How much larger the picture may be and still fit.
double fitting_scale(const Extent& picture, const Extent& view) {
  return std::min(static_cast<double>(view.height) / picture.height,
                  static_cast<double>(view.width) / picture.width);
}

// A part of one axis, and where it is shown.
struct Stretch {
  int from = 0, from_size = 0, to = 0, to_size = 0;
};

// `picture` pixels become `scaled` ones, of which `view` can be seen; `draw(n)` is in 0 .. n - 1.
template <class Draw>
Stretch along(int picture, double scaled, int view, const Draw& draw) {
  const int size = std::max(1, round_even(scaled));
  if (size <= view) return {0, picture, draw(view - size + 1), size};
  const int window = std::clamp(round_even(view / scaled * picture), 1, picture);
  return {draw(picture - window + 1), window, 0, view};
}

template <class Draw>
Placement scaled_placement(const Extent& picture, const Extent& view, double scale,
                           const Draw& draw) {
  const Stretch down = along(picture.height, picture.height * scale, view.height, draw);
  const Stretch across = along(picture.width, picture.width * scale, view.width, draw);
  return {{down.from, across.from, down.from_size, across.from_size},
          {down.to, across.to, down.to_size, across.to_size}};
}

// The part resized to the box `to` of a view that is filled elsewhere.
void frame_into(const ImageView& part, const Box& to, const Extent& view,
                const ResizeOptions& options, double fill, ViewState& state) {
  const bool covers = to.height == view.height && to.width == view.width;
  Image& resized = covers ? state.image : state.spare;
  resized_crop(part, whole(part), to.height, to.width, options, state.resize, resized);
  if (covers) return;
  state.image.reset(view.height, view.width, part.channels, part.type);
  with_pixel_type(part.type, [&](auto p) {
    using T = decltype(p);
    const auto value = static_cast<T>(fill * white_of(part.type));
    const int across = view.width * part.channels;
    for (int y = 0; y < view.height; ++y) {
      T* row = state.image.row<T>(y);
      std::fill_n(row, across, value);
      if (y < to.top || y >= to.top + to.height) continue;
      std::memcpy(row + to.left * part.channels, resized.row<T>(y - to.top), resized.row_bytes());
    }
  });
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

Placement RandomResizedCrop::place(const Extent& picture, const Extent& view, Draws& draws) const {
  return {random_box(picture.height, picture.width, draws), whole(view)};
}

Box RandomResizedCrop::random_box(int height, int width, Draws& draws) const {
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

void RandomResizedCrop::frame(const ImageView& part, const Box&, const Extent& view, bool mirror,
                              ViewState& state) const {
  const ResizeOptions options{.interpolation = interpolation_named(interpolation_),
                              .mirror = mirror};
  resized_crop(part, whole(part), view.height, view.width, options, state.resize, state.image);
}

void Resize::fields(Fields& f) {
  add_interpolation(f, interpolation_);
}

Placement Resize::place(const Extent& picture, const Extent& view, Draws&) const {
  return {whole(picture), whole(view)};
}

void Resize::frame(const ImageView& part, const Box&, const Extent& view, bool mirror,
                   ViewState& state) const {
  const ResizeOptions options{.interpolation = interpolation_named(interpolation_),
                              .mirror = mirror};
  resized_crop(part, whole(part), view.height, view.width, options, state.resize, state.image);
}

void CenterCrop::fields(Fields& f) {
  f.add("keep", keep_, "size of the view / size to which the short side is resized", {0.01, 1});
  add_interpolation(f, interpolation_);
}

Placement CenterCrop::place(const Extent& picture, const Extent& view, Draws&) const {
  return {whole(picture), whole(view)};
}

void CenterCrop::frame(const ImageView& part, const Box&, const Extent& view, bool mirror,
                       ViewState& state) const {
  // The resized picture covers the view with both sides.
  const double target = std::max(view.height, view.width) / keep_;
  const int side = std::max(round_even(target), std::max(view.height, view.width));
  const int shorter = std::min(part.height, part.width);
  const auto scaled = [&](int n) {
    return n == shorter ? side : static_cast<int>(static_cast<int64_t>(side) * n / shorter);
  };
  const int full_height = scaled(part.height), full_width = scaled(part.width);
  const Box window{round_even((full_height - view.height) / 2.0),
                   round_even((full_width - view.width) / 2.0), view.height, view.width};
  const ResizeOptions options{
      .interpolation = interpolation_named(interpolation_), .mirror = mirror, .window = window};
  resized_crop(part, whole(part), full_height, full_width, options, state.resize, state.image);
}

void InProportion::fields(Fields& f) {
  f.add("fill", fill_, "value of what the picture does not cover: 0 black .. 1 white", {0, 1});
  add_interpolation(f, interpolation_);
}

void InProportion::frame(const ImageView& part, const Box& to, const Extent& view, bool mirror,
                         ViewState& state) const {
  frame_into(part, to, view,
             {.interpolation = interpolation_named(interpolation_), .mirror = mirror}, fill_,
             state);
}

void ScaleJitter::fields(Fields& f) {
  f.add("scale", scale_, "of the picture, 1: as large as fits into the view", {0.01, 100});
  InProportion::fields(f);
}

void ScaleJitter::prepare(const std::string& where) {
  check_spread(where, "scale", scale_);
}

Placement ScaleJitter::place(const Extent& picture, const Extent& view, Draws& draws) const {
  const double scale = fitting_scale(picture, view) * draw(draws, scale_);
  return scaled_placement(picture, view, scale,
                          [&](int n) { return static_cast<int>(draws.below(n)); });
}

Placement Letterbox::place(const Extent& picture, const Extent& view, Draws&) const {
  return scaled_placement(picture, view, fitting_scale(picture, view), [](int) { return 0; });
}

}  // namespace vistas::vision
