#include "vistas/look/grid.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "vistas/base/error.h"
#include "vistas/look/font.h"
#include "vistas/look/text.h"

namespace vistas::look {
namespace {

using vision::Image;
using vision::ImageView;
using vision::PixelType;

constexpr int kFrame = 3;  // pixels around a picture

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

struct Size {
  int height, width;
};

Size fitted(const ImageView& v, int cell) {
  const int longer = std::max(v.height, v.width);
  if (longer <= cell) {
    const int factor = cell / longer;
    return {v.height * factor, v.width * factor};
  }
  const auto scaled = [&](int side) {
    return std::max(1, static_cast<int>(std::lround(double(side) * cell / longer)));
  };
  return {scaled(v.height), scaled(v.width)};
}

// A drawing surface with its letters.
class Sheet {
 public:
  Sheet(int height, int width, const Colour& background) : image_(height, width, 3) {
    fill({0, 0, height, width}, background);
  }

  void fill(const vision::Box& box, const Colour& colour) {
    for (int y = box.top; y < box.top + box.height; ++y) {
      for (int x = box.left; x < box.left + box.width; ++x) put(y, x, colour);
    }
  }

  // The mean of the source pixels that fall on each target pixel, weighted by overlap; enlarging
  // by a whole factor this repeats pixels.
  void draw(const ImageView& v, const vision::Box& to, const Colour& behind) {
    for (int y = 0; y < to.height; ++y) {
      const double y0 = double(y) * v.height / to.height, y1 = double(y + 1) * v.height / to.height;
      for (int x = 0; x < to.width; ++x) {
        const double x0 = double(x) * v.width / to.width, x1 = double(x + 1) * v.width / to.width;
        put(to.top + y, to.left + x, mean(v, y0, y1, x0, x1, behind));
      }
    }
  }

  void write(const std::string& text, int top, int left, int scale, const Colour& ink) {
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

  Image take() { return std::move(image_); }

 private:
  void put(int y, int x, const Colour& c) {
    if (y < 0 || x < 0 || y >= image_.height() || x >= image_.width()) return;
    uint8_t* pixel = image_.row<uint8_t>(y) + 3 * x;
    pixel[0] = c.red;
    pixel[1] = c.green;
    pixel[2] = c.blue;
  }

  static Colour mean(const ImageView& v, double y0, double y1, double x0, double x1,
                     const Colour& behind) {
    std::array<double, 3> sum{};
    double weight = 0;
    for (int y = static_cast<int>(y0); y < std::min(v.height, static_cast<int>(std::ceil(y1)));
         ++y) {
      const double wy = std::min(y1, y + 1.0) - std::max(y0, double(y));
      for (int x = static_cast<int>(x0); x < std::min(v.width, static_cast<int>(std::ceil(x1)));
           ++x) {
        const double w = wy * (std::min(x1, x + 1.0) - std::max(x0, double(x)));
        const auto colour = rgb(v, y, x, behind);
        for (size_t c = 0; c < 3; ++c) sum[c] += w * colour[c];
        weight += w;
      }
    }
    const auto channel = [&](size_t c) {
      return static_cast<uint8_t>(std::lround(sum[c] / weight));
    };
    return {channel(0), channel(1), channel(2)};
  }

  Image image_;
};

int text_width(const std::string& text, int scale) {
  return static_cast<int>(text.size()) * (kGlyphWidth + 1) * scale;
}

// ASCII, one letter a character, cut to `width` pixels with two dots.
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

void check(std::span<const GridCell> cells, const GridOptions& o) {
  const bool sizes = o.cell >= 1 && o.cell <= 4096 && o.gap >= 0 && o.gap <= 1024 && o.columns >= 0;
  if (!sizes || cells.empty()) {
    throw Error(ErrorKind::usage,
                {.what = "picture grid",
                 .got = fmt::format("{} pictures in cells of {} with gaps of {}, {} columns",
                                    cells.size(), o.cell, o.gap, o.columns),
                 .expected = "a picture or more, cells of 1 .. 4096, gaps of 0 .. 1024"});
  }
}

}  // namespace

Image compose_grid(std::span<const GridCell> cells, const GridOptions& options) {
  check(cells, options);
  const int count = static_cast<int>(cells.size()), cell = options.cell, gap = options.gap;
  const int columns =
      std::min(count, options.columns > 0 ? options.columns
                                          : static_cast<int>(std::ceil(std::sqrt(double(count)))));
  const int rows = (count + columns - 1) / columns;
  const int scale = cell >= 200 ? 2 : 1;
  const bool captions =
      std::any_of(cells.begin(), cells.end(), [](const GridCell& c) { return !c.caption.empty(); });
  const int caption_height = captions ? (kGlyphHeight + 7) * scale : 0;
  const int title_scale = cell * columns >= 300 ? 2 : 1;
  const int title_height = options.title.empty() ? 0 : (kGlyphHeight + 6) * title_scale;
  const int across = cell + gap, down = cell + gap + caption_height;
  // The frame of a picture may reach into the gap around it.
  const int margin = std::max(gap, kFrame + 1);
  const int width = 2 * margin + columns * across - gap;

  Sheet sheet(2 * margin + title_height + rows * down - gap, width, options.background);
  sheet.write(letters(options.title, width - 2 * margin, title_scale), margin, margin, title_scale,
              options.ink);
  for (int i = 0; i < count; ++i) {
    const GridCell& c = cells[static_cast<size_t>(i)];
    const int top = margin + title_height + i / columns * down;
    const int left = margin + i % columns * across;
    if (c.picture.height > 0 && c.picture.width > 0) {
      const Size size = fitted(c.picture, cell);
      const vision::Box box = {top + (cell - size.height) / 2, left + (cell - size.width) / 2,
                               size.height, size.width};
      if (c.frame) {
        sheet.fill(
            {box.top - kFrame, box.left - kFrame, box.height + 2 * kFrame, box.width + 2 * kFrame},
            *c.frame);
      }
      sheet.draw(c.picture, box, options.background);
    }
    const std::string caption = letters(c.caption, cell, scale);
    sheet.write(caption, top + cell + 6 * scale, left + (cell - text_width(caption, scale)) / 2,
                scale, c.frame.value_or(options.ink));
  }
  return sheet.take();
}

}  // namespace vistas::look
