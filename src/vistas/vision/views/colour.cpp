#include "vistas/vision/views/colour.h"

#include "vistas/vision/views/blend.h"

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
  const int values = in.width * in.channels;
  for (int y = 0; y < in.height; ++y) {
    const T* from = in.row<T>(y);
    T* to = out.row<T>(y);
    for (int i = 0; i < values; ++i) {
      to[i] = blend<T>(degenerate, static_cast<float>(from[i]), factor);
    }
  }
}

// The mean of L, or of all values where there is no L.
template <class T>
double mean_grey(const ImageView& in) {
  std::conditional_t<std::integral<T>, uint64_t, double> sum = 0;
  const bool rgb = in.channels == 3;
  const int values = rgb ? in.width : in.width * in.channels;
  for (int y = 0; y < in.height; ++y) {
    const T* row = in.row<T>(y);
    for (int i = 0; i < values; ++i) sum += rgb ? grey(row + 3 * i) : row[i];
  }
  return static_cast<double>(sum) / (static_cast<double>(in.height) * values);
}

// 8-bit HSV as Pillow computes it.
struct Hsv8 {
  uint8_t h = 0, s = 0, v = 0;
};

Hsv8 to_hsv(int r, int g, int b) {
  const int high = std::max({r, g, b}), low = std::min({r, g, b});
  if (high == low) return {0, 0, static_cast<uint8_t>(high)};
  const float range = static_cast<float>(high - low);
  const float s = range / static_cast<float>(high);
  const float rc = static_cast<float>(high - r) / range;
  const float gc = static_cast<float>(high - g) / range;
  const float bc = static_cast<float>(high - b) / range;
  float h = 0;
  if (r == high) {
    h = bc - gc;
  } else if (g == high) {
    h = static_cast<float>(2.0 + static_cast<double>(rc) - static_cast<double>(bc));
  } else {
    h = static_cast<float>(4.0 + static_cast<double>(gc) - static_cast<double>(rc));
  }
  h = static_cast<float>(std::fmod(static_cast<double>(h) / 6.0 + 1.0, 1.0));
  return {static_cast<uint8_t>(static_cast<double>(h) * 255.0),
          static_cast<uint8_t>(static_cast<double>(s) * 255.0), static_cast<uint8_t>(high)};
}

void from_hsv(const Hsv8& hsv, uint8_t* out) {
  const uint8_t v = hsv.v;
  if (hsv.s == 0) {
    out[0] = out[1] = out[2] = v;
    return;
  }
  const float turn = static_cast<float>(hsv.h) * 6.0F / 255.0F;
  const int sector = static_cast<int>(turn);
  const double f = static_cast<double>(turn - static_cast<float>(sector));
  const double s = static_cast<double>(static_cast<float>(hsv.s) / 255.0F);
  const auto level = [v](double x) { return static_cast<uint8_t>(std::round(v * x)); };
  const uint8_t p = level(1.0 - s), q = level(1.0 - s * f), t = level(1.0 - s * (1.0 - f));
  const uint8_t table[6][3] = {{v, t, p}, {q, v, p}, {p, v, t}, {p, q, v}, {t, p, v}, {v, p, q}};
  std::copy_n(table[sector % 6], 3, out);
}

void turn_hue(const uint8_t* in, double factor, uint8_t* out) {
  Hsv8 hsv = to_hsv(in[0], in[1], in[2]);
  hsv.h = static_cast<uint8_t>(hsv.h + static_cast<int>(factor * 255.0));
  from_hsv(hsv, out);
}

// The same turn of the colour circle without rounding.
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
  out.reset(in.height, in.width, in.channels, in.type);
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
  each_row(in, out, [&](auto from, auto to) {
    for (int x = 0; x < in.width; ++x) turn_hue(from + 3 * x, factor, to + 3 * x);
  });
}

void grayscale(const ImageView& in, Image& out) {
  require_grey_or_rgb(in, "grayscale");
  if (in.channels == 1) return copy_if_needed(in, out);
  each_row(in, out, [&](auto from, auto to) {
    for (int x = 0; x < in.width; ++x) std::fill_n(to + 3 * x, 3, grey(from + 3 * x));
  });
}

}  // namespace vistas::vision
