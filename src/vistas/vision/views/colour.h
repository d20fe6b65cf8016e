// Colour operations with Pillow's arithmetic on 8-bit pixels (ImageEnhance, torchvision's PIL
// path). `in` may be a view of `out`: the picture is then changed in place.
#pragma once

#include <array>

#include "vistas/vision/views/pixels.h"

namespace vistas::vision {

// All four blends are degenerate + factor (image - degenerate), truncated, and clipped where the
// factor leaves 0..1. Factor 0 gives the degenerate picture, 1 the picture itself.

// Degenerate: black. Any channels.
void brightness(const ImageView& in, double factor, Image& out);

// Degenerate: the mean of the grey picture, int(mean + 0.5) for integers; for channel counts other
// than 1 and 3 the mean of all values.
void contrast(const ImageView& in, double factor, Image& out);

// Degenerate: the grey picture. RGB; grey pictures stay as they are.
void saturation(const ImageView& in, double factor, Image& out);

// Adds int(factor * 255) modulo 256 to the hue of 8-bit HSV, factor in [-0.5, 0.5]; 16-bit and
// float pixels turn in float HSV. RGB; grey pictures stay as they are.
void hue(const ImageView& in, double factor, Image& out);

// The factors of the four operations above, which are numbered 0 to 3, and the order they come in.
struct Jitter {
  std::array<int, 4> order{0, 1, 2, 3};
  double brightness = 1, contrast = 1, saturation = 1, hue = 0;
};

// L = (19595 R + 38470 G + 7471 B + 32768) >> 16 in all three channels. RGB; grey stays.
void grayscale(const ImageView& in, Image& out);

}  // namespace vistas::vision
