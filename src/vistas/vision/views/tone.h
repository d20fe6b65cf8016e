// Operations on every value by itself, with Pillow's arithmetic (ImageOps). `in` may be a view of
// `out`: the picture is then changed in place.
#pragma once

#include <vector>

#include "vistas/vision/views/pixels.h"

namespace vistas::vision {

// Values of at least `threshold` (in units of the pixel type) become white - value.
void solarize(const ImageView& in, double threshold, Image& out);

// White - value.
void invert(const ImageView& in, Image& out);

// Keeps the upper `bits` bits (1..8) of every value.
void posterize(const ImageView& in, int bits, Image& out);

// Makes the histogram of every channel flat. 8 bit.
void equalize(const ImageView& in, Image& out);

// Stretches every channel from its darkest and brightest value to black and white.
void autocontrast(const ImageView& in, Image& out);

// Sets a box to `value` (in units of the pixel type); parts outside the picture are left out.
void erase(const ImageView& in, const Box& box, double value, Image& out);

// Sets the channels listed in `dropped` to 0.
void channel_drop(const ImageView& in, const std::vector<int>& dropped, Image& out);

}  // namespace vistas::vision
