// Scaling pictures down when they are stored. Private to the sources.
#pragma once

#include "vistas/vision/sources/image.h"

namespace vistas::vision {

// `out` in the given smaller size, by an antialiased triangle filter (PIL's BILINEAR, in float).
void shrink(const ImageView& in, int height, int width, Image& out);

}  // namespace vistas::vision
