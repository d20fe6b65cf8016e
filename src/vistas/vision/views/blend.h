// Pillow's blend of two values.
#pragma once

#include "vistas/vision/views/pixels.h"

namespace vistas::vision {

// degenerate + factor (value - degenerate) in float, truncated; clipped, which changes nothing for
// factors in 0..1.
template <class T>
T blend(float degenerate, float value, float factor) {
  const float mixed = degenerate + factor * (value - degenerate);
  return static_cast<T>(std::clamp(mixed, 0.0F, static_cast<float>(kWhite<T>)));
}

}  // namespace vistas::vision
