#include "vistas/vision/views/colour.h"

#include "vistas/vision/views/blend.h"
#include "vistas/vision/views/kernels.h"

namespace vistas::vision {
namespace {

// L of an RGB pixel.
template <class T>
T grey(const T* p) {
  if constexpr (std::integral<T>) {
    const uint64_t sum = uint64_t{19595} * p[0] + uint64_t{38470} * p[1] + uint64_t{7471} * p[2];
    return static_cast<T>((sum + 0x8000) >> 16);
  } else {
    return (19595.0F * p[0] + 38470.0F * p[1] + 7471.0F * p[2]) / 65536.0F;
  }
}

// Calls f(in, out, pixels) on runs of neighbouring 8-bit pixels.
template <class F>
void each_run(const ImageView& in, Image& out, const F& f) {
  out.reset(in.height, in.width, in.channels, in.type);
  const Runs runs = runs_of(in);
  for (int y = 0; y < runs.count; ++y) f(in.row<uint8_t>(y), out.row<uint8_t>(y), runs.pixels);
}

// Calls f(in row, out row) with the pixel type's pointers.
template <class F>
void each_row(const ImageView& in, Image& out, const F& f) {
  out.reset(in.height, in.width, in.channels, in.type);
  with_pixel_type(in.type, [&](auto p) {
    using T = decltype(p);
    for (int y = 0; y < in.height; ++y) f(in.row<T>(y), out.row<T>(y));
  });
}

template <class T>
void blend_all(const ImageView& in, float degenerate, float factor, Image& out) {
  if constexpr (std::same_as<T, uint8_t>) {
    each_run(in, out, [&](const uint8_t* from, uint8_t* to, size_t pixels) {
      const size_t n = pixels * static_cast<size_t>(in.channels);
      kernels::blend_constant(from, n, degenerate, factor, to);
    });
    return;
  }
  out.reset(in.height, in.width, in.channels, in.type);
  const int values = in.width * in.channels;
  for (int y = 0; y < in.height; ++y) {
    const T* from = in.row<T>(y);
    T* to = out.row<T>(y);
    for (int i = 0; i < values; ++i) {
      to[i] = blend<T>(degenerate, static_cast<float>(from[i]), factor);
    }
  }
}

double sum_of_grey(const ImageView& in) {
  const Runs runs = runs_of(in);
  uint64_t sum = 0;
  for (int y = 0; y < runs.count; ++y) sum += kernels::sum_grey(in.row<uint8_t>(y), runs.pixels);
  return static_cast<double>(sum);
}

// The mean of L, or of all values where there is no L.
template <class T>
double mean_grey(const ImageView& in) {
  const bool rgb = in.channels == 3;
  const int values = rgb ? in.width : in.width * in.channels;
  double sum = 0;  // whole numbers stay exact
  if (rgb && std::same_as<T, uint8_t>) {
    sum = sum_of_grey(in);
  } else {
    for (int y = 0; y < in.height; ++y) {
      const T* row = in.row<T>(y);
      for (int i = 0; i < values; ++i) sum += static_cast<double>(rgb ? grey(row + 3 * i) : row[i]);
    }
  }
  return sum / (static_cast<double>(in.height) * values);
}

// The turn of the colour circle without HSV's rounding to 8 bits.
template <class T>
void turn_hue(const T* in, double factor, T* out) {
  const double r = in[0], g = in[1], b = in[2];
  const double high = std::max({r, g, b}), range = high - std::min({r, g, b});
  if (range == 0) {
    std::copy_n(in, 3, out);
    return;
  }
  double h = r == high ? (g - b) / range : g == high ? 2 + (b - r) / range : 4 + (r - g) / range;
  h += 6 * factor + 12;
  for (int c = 0; c < 3; ++c) {
    const double k = std::fmod(5 - 2 * c + h, 6.0);
    const double value = high - range * std::clamp(std::min(k, 4 - k), 0.0, 1.0);
    out[c] = to_pixel<T>(std::integral<T> ? value + 0.5 : value);
  }
}

void copy_if_needed(const ImageView& in, Image& out) {
  if (in.data == out.data()) return;
  each_row(in, out, [&in](auto from, auto to) { std::copy_n(from, in.width * in.channels, to); });
}

}  // namespace

void brightness(const ImageView& in, double factor, Image& out) {
  out.reset(in.height, in.width, in.channels, in.type);
  with_pixel_type(
      in.type, [&](auto p) { blend_all<decltype(p)>(in, 0.0F, static_cast<float>(factor), out); });
}

void contrast(const ImageView& in, double factor, Image& out) {
  require_pixels(in, "contrast");
  with_pixel_type(in.type, [&](auto p) {
    using T = decltype(p);
    const double mean = mean_grey<T>(in);
    const double level = std::integral<T> ? std::floor(mean + 0.5) : mean;
    blend_all<T>(in, static_cast<float>(level), static_cast<float>(factor), out);
  });
}

void saturation(const ImageView& in, double factor, Image& out) {
  require_grey_or_rgb(in, "saturation");
  if (in.channels == 1) return copy_if_needed(in, out);
  if (in.type == PixelType::u8) {
    each_run(in, out, [factor](const uint8_t* from, uint8_t* to, size_t pixels) {
      kernels::saturate(from, pixels, static_cast<float>(factor), to);
    });
    return;
  }
  each_row(in, out, [&](auto from, auto to) {
    using T = std::remove_pointer_t<decltype(to)>;
    for (int x = 0; x < in.width; ++x, from += 3, to += 3) {
      const float level = static_cast<float>(grey(from));
      for (int c = 0; c < 3; ++c) {
        to[c] = blend<T>(level, static_cast<float>(from[c]), static_cast<float>(factor));
      }
    }
  });
}

void hue(const ImageView& in, double factor, Image& out) {
  require_grey_or_rgb(in, "hue");
  if (in.channels == 1) return copy_if_needed(in, out);
  if (in.type == PixelType::u8) {
    const int shift = static_cast<int>(factor * 255.0) & 255;
    each_run(in, out, [shift](const uint8_t* from, uint8_t* to, size_t pixels) {
      kernels::turn_hue(from, pixels, shift, to);
    });
    return;
  }
  each_row(in, out, [&](auto from, auto to) {
    for (int x = 0; x < in.width; ++x) turn_hue(from + 3 * x, factor, to + 3 * x);
  });
}

void grayscale(const ImageView& in, Image& out) {
  require_grey_or_rgb(in, "grayscale");
  if (in.channels == 1) return copy_if_needed(in, out);
  if (in.type == PixelType::u8) {
    each_run(in, out, [](const uint8_t* from, uint8_t* to, size_t pixels) {
      kernels::grey(from, pixels, to);
    });
    return;
  }
  each_row(in, out, [&](auto from, auto to) {
    for (int x = 0; x < in.width; ++x) std::fill_n(to + 3 * x, 3, grey(from + 3 * x));
  });
}

}  // namespace vistas::vision
