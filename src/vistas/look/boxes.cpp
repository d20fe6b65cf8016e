#include "vistas/look/boxes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "vistas/look/canvas.h"
#include "vistas/look/font.h"

namespace vistas::look {
namespace {

using vision::Box;

// The pixels from `low` to `high` of a side of `size` pixels, at least one; none if all are
// outside.
struct Stretch {
  int begin = 0, length = 0;
};
Stretch pixels_between(double low, double high, int size) {
  if (!(low <= high && low < size && high > 0)) return {};  // also for NaN
  const auto pixel = [&](double v) {
    return static_cast<int>(std::lround(std::clamp(v, 0.0, double(size))));
  };
  const int begin = std::min(pixel(low), size - 1);
  return {begin, std::max(pixel(high) - begin, 1)};
}

Box pixels_of(const DrawnBox& box, const Canvas& canvas) {
  const Stretch down = pixels_between(box.top, box.bottom, canvas.height());
  const Stretch across = pixels_between(box.left, box.right, canvas.width());
  return {down.begin, across.begin, down.length, across.length};
}

void outline(Canvas& canvas, const Box& box, const Colour& colour) {
  const int line = std::clamp(std::max(canvas.height(), canvas.width()) / 250, 1, 16);
  const int down = std::min(line, box.height), across = std::min(line, box.width);
  canvas.fill({box.top, box.left, down, box.width}, colour);
  canvas.fill({box.top + box.height - down, box.left, down, box.width}, colour);
  canvas.fill({box.top, box.left, box.height, across}, colour);
  canvas.fill({box.top, box.left + box.width - across, box.height, across}, colour);
}

// Name and score in letters of at most `width` pixels; the name is what is cut.
std::string tag_text(const DrawnBox& box, std::span<const std::string> names, int width,
                     int scale) {
  const std::string score = box.score ? fmt::format(" {:.0f} %", *box.score * 100) : "";
  const std::string name =
      letters(class_name(box.label, names), width - text_width(score, scale), scale);
  return letters(name + score, width, scale);
}

void tag(Canvas& canvas, const Box& pixels, const DrawnBox& box,
         std::span<const std::string> names) {
  const Colour colour = class_colour(box.label);
  const int scale = letter_scale(canvas.height(), canvas.width());
  const int margin = 2 * scale;
  const std::string text = tag_text(box, names, canvas.width() - 2 * margin, scale);
  const int height = kGlyphHeight * scale + 2 * margin;
  // The last letter brings a column of space along.
  const int width = text_width(text, scale) - scale + 2 * margin;
  const int above = pixels.top - height;
  const int top = std::max(0, above >= 0 ? above : std::min(pixels.top, canvas.height() - height));
  const int left = std::max(0, std::min(pixels.left, canvas.width() - width));
  canvas.fill({top, left, height, width}, colour);
  canvas.write(text, top + margin, left + margin, scale, letters_on(colour));
}

}  // namespace

vision::Image draw_boxes(const vision::ImageView& picture, std::span<const DrawnBox> boxes,
                         std::span<const std::string> names) {
  Canvas canvas(picture.height, picture.width, kPaper);
  canvas.draw(picture, {0, 0, picture.height, picture.width}, kPaper);
  // Tags after all lines: none is crossed out by another box.
  for (const bool tags : {false, true}) {
    for (size_t i = boxes.size(); i-- > 0;) {
      const Box pixels = pixels_of(boxes[i], canvas);
      if (pixels.height == 0 || pixels.width == 0) continue;
      if (tags) {
        tag(canvas, pixels, boxes[i], names);
      } else {
        outline(canvas, pixels, class_colour(boxes[i].label));
      }
    }
  }
  return canvas.take();
}

}  // namespace vistas::look
