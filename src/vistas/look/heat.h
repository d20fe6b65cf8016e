// Numbers over a picture, as colours from cold to hot.
#pragma once

#include <cstdint>
#include <span>

#include "vistas/vision/sources/image.h"

namespace vistas::look {

// A copy of the picture, RGB, 8 bit, under `values`, height x width cells of equal size over it,
// blended bilinearly: `low` and less are dark blue, `high` and more yellow. A usage error if there
// are not height * width values.
vision::Image draw_heat(const vision::ImageView& picture, std::span<const float> values, int height,
                        int width, double low, double high, double opacity = 0.6);

}  // namespace vistas::look
