#include "vistas/look/canvas.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "vistas/look/font.h"

namespace vistas::look {
namespace {

using vision::ImageView;
using vision::PixelType;

// One channel of one pixel, 0 .. 255.
double sample(const ImageView& v, int y, int x, int c) {
  const int at = x * v.channels + c;
  switch (v.type) {
    case PixelType::u8:
      return v.row<uint8_t>(y)[at];
    case PixelType::u16:
      return v.row<uint16_t>(y)[at] / 257.0;
    case PixelType::f32: {
      const double value = double{v.row<float>(y)[at]} * 255;
      return value > 0 ? std::min(value, 255.0) : 0;  // NaN is black
    }
  }
  return 0;
}

std::array<double, 3> rgb(const ImageView& v, int y, int x, const Colour& behind) {
  const bool grey = v.channels < 3;
  std::array<double, 3> out{};
  for (int c = 0; c < 3; ++c) out[static_cast<size_t>(c)] = sample(v, y, x, grey ? 0 : c);
  if (v.channels == 2 || v.channels == 4) {
    const double alpha = sample(v, y, x, v.channels - 1) / 255;
    const double back[3] = {double(behind.red), double(behind.green), double(behind.blue)};
    for (size_t c = 0; c < 3; ++c) out[c] = out[c] * alpha + back[c] * (1 - alpha);
  }
  return out;
}

// The mean of the pixels of a rectangle, weighted by overlap.
Colour mean(const ImageView& v, double y0, double y1, double x0, double x1, const Colour& behind) {
  std::array<double, 3> sum{};
  double weight = 0;
  for (int y = static_cast<int>(y0); y < std::min(v.height, static_cast<int>(std::ceil(y1))); ++y) {
    const double wy = std::min(y1, y + 1.0) - std::max(y0, double(y));
    for (int x = static_cast<int>(x0); x < std::min(v.width, static_cast<int>(std::ceil(x1)));
         ++x) {
      const double w = wy * (std::min(x1, x + 1.0) - std::max(x0, double(x)));
      const auto colour = rgb(v, y, x, behind);
      for (size_t c = 0; c < 3; ++c) sum[c] += w * colour[c];
      weight += w;
    }
  }
  const auto channel = [&](size_t c) { return static_cast<uint8_t>(std::lround(sum[c] / weight)); };
  return {channel(0), channel(1), channel(2)};
}

}  // namespace

Canvas::Canvas(int height, int width, const Colour& background) : image_(height, width, 3) {
  fill({0, 0, height, width}, background);
}

void Canvas::fill(const vision::Box& box, const Colour& c) {
  const int bottom = std::min(height(), box.top + box.height);
  const int right = std::min(width(), box.left + box.width);
  for (int y = std::max(0, box.top); y < bottom; ++y) {
    uint8_t* row = image_.row<uint8_t>(y);
    for (int x = std::max(0, box.left); x < right; ++x) {
      row[3 * x] = c.red;
      row[3 * x + 1] = c.green;
      row[3 * x + 2] = c.blue;
    }
  }
}

void Canvas::draw(const ImageView& v, const vision::Box& to, const Colour& behind) {
  for (int y = 0; y < to.height; ++y) {
    const double y0 = double(y) * v.height / to.height, y1 = double(y + 1) * v.height / to.height;
    for (int x = 0; x < to.width; ++x) {
      const double x0 = double(x) * v.width / to.width, x1 = double(x + 1) * v.width / to.width;
      fill({to.top + y, to.left + x, 1, 1}, mean(v, y0, y1, x0, x1, behind));
    }
  }
}

void Canvas::write(const std::string& text, int top, int left, int scale, const Colour& ink) {
  for (size_t i = 0; i < text.size(); ++i) {
    const int x0 = left + static_cast<int>(i) * (kGlyphWidth + 1) * scale;
    for (int y = 0; y < kGlyphHeight; ++y) {
      for (int x = 0; x < kGlyphWidth; ++x) {
        if ((glyph(text[i])[y] >> (kGlyphWidth - 1 - x) & 1) == 0) continue;
        fill({top + y * scale, x0 + x * scale, scale, scale}, ink);
      }
    }
  }
}

int letter_scale(int height, int width) {
  return std::clamp(std::min(height, width) / 240, 1, 16);
}

int text_width(const std::string& text, int scale) {
  return static_cast<int>(text.size()) * (kGlyphWidth + 1) * scale;
}

std::string letters(const std::string& text, int width, int scale) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte >> 6 == 2) continue;  // inside a UTF-8 sequence
    out += byte < 0x80 ? text[i] : '?';
  }
  const auto room = static_cast<size_t>(std::max(0, width / ((kGlyphWidth + 1) * scale)));
  if (out.size() > room)
    out = out.substr(0, room > 2 ? room - 2 : 0) + std::string("..").substr(0, room);
  return out;
}

}  // namespace vistas::look
