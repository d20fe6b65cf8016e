#include "vistas/look/grid.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "vistas/base/error.h"
#include "vistas/look/canvas.h"
#include "vistas/look/font.h"

namespace vistas::look {
namespace {

using vision::Image;
using vision::ImageView;

constexpr int kFrame = 3;  // pixels around a picture

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

  Canvas sheet(2 * margin + title_height + rows * down - gap, width, options.background);
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
