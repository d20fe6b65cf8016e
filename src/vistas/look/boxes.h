// Boxes with class and score on a picture.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "vistas/vision/sources/image.h"

namespace vistas::look {

struct DrawnBox {
  double left = 0, top = 0, right = 0, bottom = 0;  // corners in pixels; the first pixel is 0 to 1
  int64_t label = 0;
  std::optional<double> score{};  // 0 .. 1, shown in per cent
};

// A copy of the picture, RGB, 8 bit, with the outline of each box in the colour of its class and a
// tag with name and score: names[label], or the number of the class. The first box lies on top.
// Lines and letters grow with the picture. A tag stands above its box, or inside where there is no
// room, always within the picture; names are cut to its width. Of boxes that reach over the edges
// the part inside is drawn; those outside altogether and those of numbers that are not are left
// out.
vision::Image draw_boxes(const vision::ImageView& picture, std::span<const DrawnBox> boxes,
                         std::span<const std::string> names = {});

}  // namespace vistas::look
