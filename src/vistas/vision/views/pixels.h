// What the view operations share: pixel types, interpolation, refusals.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>

#include "vistas/vision/sources/image.h"

namespace vistas::vision {

enum class Interpolation { nearest, bilinear, bicubic };

// White: 255, 65535 or 1.
template <class T>
inline constexpr double kWhite = std::integral<T>
                                     ? static_cast<double>(std::numeric_limits<T>::max())
                                     : 1.0;

inline double white_of(PixelType type) {
  return type == PixelType::u8 ? 255.0 : type == PixelType::u16 ? 65535.0 : 1.0;
}

// Calls f with a value of the type's C++ type.
template <class F>
void with_pixel_type(PixelType type, F&& f) {
  switch (type) {
    case PixelType::u8:
      f(uint8_t{});
      return;
    case PixelType::u16:
      f(uint16_t{});
      return;
    case PixelType::f32:
      f(float{});
      return;
  }
}

// Clipped to 0..white; integers are truncated, as Pillow does.
template <class T>
T to_pixel(double value) {
  return static_cast<T>(std::clamp(value, 0.0, kWhite<T>));
}

// A picture as runs of neighbouring pixels: one run, or one a row if there are gaps between rows.
struct Runs {
  int count = 0;
  size_t pixels = 0;  // of each run
};
inline Runs runs_of(const ImageView& image) {
  const size_t width = static_cast<size_t>(image.width), height = static_cast<size_t>(image.height);
  const size_t row = width * static_cast<size_t>(image.channels) * size_of(image.type);
  if (image.row_bytes == row) return {1, width * height};
  return {image.height, width};
}

// Throws a data error that names the operation if the picture has no pixels.
void require_pixels(const ImageView& image, const char* operation);

// Throws a usage error unless the picture has 1 (grey) or 3 (RGB) channels.
void require_grey_or_rgb(const ImageView& image, const char* operation);

// Throws a usage error unless the pixels are 8 bit.
void require_8_bit(const ImageView& image, const char* operation);

}  // namespace vistas::vision
