#include "vistas/look/heat.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "vistas/base/error.h"
#include "vistas/look/canvas.h"

namespace vistas::look {
namespace {

// From cold to hot, lighter and lighter, so that it can be read without colours too.
constexpr std::array<Colour, 5> kScale = {
    {{13, 8, 135}, {126, 3, 168}, {204, 71, 120}, {248, 149, 64}, {240, 249, 33}}};

uint8_t between(uint8_t a, uint8_t b, double share) {
  return static_cast<uint8_t>(std::lround(a + (b - a) * share));
}

Colour blend(const Colour& a, const Colour& b, double share) {
  return {between(a.red, b.red, share), between(a.green, b.green, share),
          between(a.blue, b.blue, share)};
}

Colour colour_of(double heat) {
  const double at = std::clamp(heat, 0.0, 1.0) * (kScale.size() - 1);
  const auto low = std::min(static_cast<size_t>(at), kScale.size() - 2);
  return blend(kScale[low], kScale[low + 1], at - static_cast<double>(low));
}

// Where pixel `i` of `pixels` lies among `cells` values, which stand in the middle of their cells.
struct Between {
  int first = 0, second = 0;
  double share = 0;
};
Between cell_of(int i, int pixels, int cells) {
  const double at = std::clamp((i + 0.5) * cells / pixels - 0.5, 0.0, cells - 1.0);
  const int first = static_cast<int>(at);
  return {first, std::min(first + 1, cells - 1), at - first};
}

}  // namespace

vision::Image draw_heat(const vision::ImageView& picture, std::span<const float> values, int height,
                        int width, double low, double high, double opacity) {
  if (height < 1 || width < 1 ||
      values.size() != static_cast<size_t>(height) * static_cast<size_t>(width)) {
    throw Error(ErrorKind::usage, {.what = "heat on a picture",
                                   .got = fmt::format("{} values", values.size()),
                                   .expected = fmt::format("{} x {}", height, width)});
  }
  Canvas canvas(picture.height, picture.width, kPaper);
  canvas.draw(picture, {0, 0, picture.height, picture.width}, kPaper);
  const auto value = [&](int y, int x) {
    return double{
        values[static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)]};
  };
  const double range = std::max(high - low, 1e-12);
  for (int y = 0; y < picture.height; ++y) {
    const Between down = cell_of(y, picture.height, height);
    for (int x = 0; x < picture.width; ++x) {
      const Between across = cell_of(x, picture.width, width);
      const double above = std::lerp(value(down.first, across.first),
                                     value(down.first, across.second), across.share);
      const double below = std::lerp(value(down.second, across.first),
                                     value(down.second, across.second), across.share);
      const Colour heat = colour_of((std::lerp(above, below, down.share) - low) / range);
      canvas.fill({y, x, 1, 1}, blend(canvas.pixel(y, x), heat, opacity));
    }
  }
  return canvas.take();
}

}  // namespace vistas::look
