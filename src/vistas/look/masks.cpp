#include "vistas/look/masks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "vistas/base/error.h"
#include "vistas/look/canvas.h"
#include "vistas/look/font.h"

namespace vistas::look {
namespace {

using vision::Image;
using vision::ImageView;

void check(const ImageView& mask, int height, int width, const MaskOptions& options) {
  const bool fits = mask.height == height && mask.width == width && mask.channels == 1 &&
                    mask.type == vision::PixelType::u8;
  if (fits && options.opacity >= 0 && options.opacity <= 1) return;
  throw Error(ErrorKind::usage,
              {.what = "mask on a picture",
               .got = fmt::format("{} x {} of {} channels of {} bytes, opacity {}", mask.height,
                                  mask.width, mask.channels, size_of(mask.type), options.opacity),
               .expected = fmt::format("{} x {} of one byte, opacity of 0 .. 1", height, width)});
}

// The classes of the mask that have a colour, ascending.
std::vector<int64_t> classes_shown(const ImageView& mask, const MaskOptions& options) {
  std::array<bool, 256> found{};
  for (int y = 0; y < mask.height; ++y) {
    for (int x = 0; x < mask.width; ++x) found[mask.row<uint8_t>(y)[x]] = true;
  }
  std::vector<int64_t> out;
  for (int64_t c = 0; c < 256; ++c) {
    if (found[static_cast<size_t>(c)] && c != options.ignore && c != options.background) {
      out.push_back(c);
    }
  }
  return out;
}

// Entries one after the other in lines as wide as the picture.
class Legend {
 public:
  Legend(const ImageView& mask, std::span<const std::string> names, const MaskOptions& options)
      : scale_(letter_scale(mask.height, mask.width)) {
    if (!options.legend) return;
    const int field = kGlyphHeight * scale_, gap = 4 * scale_;
    int left = gap, top = gap;
    for (const int64_t c : classes_shown(mask, options)) {
      const std::string name = letters(class_name(c, names), mask.width - field - 3 * gap, scale_);
      const int width = field + gap + text_width(name, scale_);
      if (left > gap && left + width + gap > mask.width) {
        left = gap;
        top += field + gap;
      }
      entries_.push_back({c, name, top, left});
      left += width + 2 * gap;
      height_ = top + field + gap;
    }
  }

  int height() const { return height_; }

  void draw(Canvas& canvas, int below) const {
    const int field = kGlyphHeight * scale_;
    for (const Entry& e : entries_) {
      canvas.fill({below + e.top, e.left, field, field}, class_colour(e.label));
      // Capitals take 7 of the 9 rows of a letter.
      canvas.write(e.name, below + e.top + scale_, e.left + field + 4 * scale_, scale_, kInk);
    }
  }

 private:
  struct Entry {
    int64_t label = 0;
    std::string name;
    int top = 0, left = 0;
  };
  int scale_ = 1, height_ = 0;
  std::vector<Entry> entries_;
};

Colour blended(const Colour& below, const Colour& above, double opacity) {
  const auto channel = [&](uint8_t b, uint8_t a) {
    return static_cast<uint8_t>(std::lround(b * (1 - opacity) + a * opacity));
  };
  return {channel(below.red, above.red), channel(below.green, above.green),
          channel(below.blue, above.blue)};
}

}  // namespace

Image draw_mask(const ImageView& picture, const ImageView& mask, std::span<const std::string> names,
                const MaskOptions& options) {
  check(mask, picture.height, picture.width, options);
  const Legend legend(mask, names, options);
  Canvas canvas(picture.height + legend.height(), picture.width, kPaper);
  canvas.draw(picture, {0, 0, picture.height, picture.width}, kPaper);
  for (int y = 0; y < mask.height; ++y) {
    for (int x = 0; x < mask.width; ++x) {
      const int64_t c = mask.row<uint8_t>(y)[x];
      if (c == options.ignore || c == options.background) continue;
      canvas.fill({y, x, 1, 1}, blended(canvas.pixel(y, x), class_colour(c), options.opacity));
    }
  }
  legend.draw(canvas, picture.height);
  return canvas.take();
}

Image paint_mask(const ImageView& mask, std::span<const std::string> names,
                 const MaskOptions& options) {
  check(mask, mask.height, mask.width, options);
  Canvas paper(mask.height, mask.width, kPaper);
  for (int y = 0; y < mask.height; ++y) {
    for (int x = 0; x < mask.width; ++x) {
      if (mask.row<uint8_t>(y)[x] == options.background) paper.fill({y, x, 1, 1}, {0, 0, 0});
    }
  }
  MaskOptions opaque = options;
  opaque.opacity = 1;
  const Image picture = paper.take();
  return draw_mask(picture.view(), mask, names, opaque);
}

}  // namespace vistas::look
