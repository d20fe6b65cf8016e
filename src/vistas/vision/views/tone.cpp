#include "vistas/vision/views/tone.h"

#include <array>

#include "vistas/vision/views/kernels.h"

namespace vistas::vision {
namespace {

// Applies f(value, channel) to every value.
template <class F>
void each_value(const ImageView& in, Image& out, const F& f) {
  out.reset(in.height, in.width, in.channels, in.type);
  with_pixel_type(in.type, [&](auto p) {
    using T = decltype(p);
    for (int y = 0; y < in.height; ++y) {
      const T* from = in.row<T>(y);
      T* to = out.row<T>(y);
      for (int x = 0; x < in.width; ++x) {
        for (int c = 0; c < in.channels; ++c) *to++ = f(*from++, c);
      }
    }
  });
}

template <class T>
T inverted(T value) {
  return static_cast<T>(static_cast<T>(kWhite<T>) - value);
}

using Table = std::array<uint8_t, 256>;

// The table that makes one channel's histogram flat.
Table equalizing(const std::array<int64_t, 256>& histogram) {
  Table table;
  for (size_t i = 0; i < 256; ++i) table[i] = static_cast<uint8_t>(i);
  int64_t sum = 0, last = 0, levels = 0;
  for (const int64_t n : histogram) {
    if (n == 0) continue;
    sum += n;
    last = n;
    ++levels;
  }
  const int64_t step = (sum - last) / 255;
  if (levels <= 1 || step == 0) return table;
  int64_t n = step / 2;
  for (size_t i = 0; i < 256; ++i) {
    table[i] = static_cast<uint8_t>(std::min<int64_t>(n / step, 255));
    n += histogram[i];
  }
  return table;
}

template <class T>
void stretch_channel(const ImageView& in, int channel, Image& out) {
  T low = in.row<T>(0)[channel], high = low;
  for (int y = 0; y < in.height; ++y) {
    const T* value = in.row<T>(y) + channel;
    for (int x = 0; x < in.width; ++x, value += in.channels) {
      low = std::min(low, *value);
      high = std::max(high, *value);
    }
  }
  const double scale = high > low ? kWhite<T> / (static_cast<double>(high) - low) : 1.0;
  const double offset = high > low ? -low * scale : 0.0;
  for (int y = 0; y < in.height; ++y) {
    const T* from = in.row<T>(y) + channel;
    T* to = out.row<T>(y) + channel;
    for (int x = 0; x < in.width; ++x, from += in.channels, to += in.channels) {
      *to = to_pixel<T>(*from * scale + offset);
    }
  }
}

}  // namespace

void solarize(const ImageView& in, double threshold, Image& out) {
  if (in.type == PixelType::u8) {
    out.reset(in.height, in.width, in.channels, in.type);
    const Runs runs = runs_of(in);
    const size_t n = runs.pixels * static_cast<size_t>(in.channels);
    for (int y = 0; y < runs.count; ++y) {
      kernels::solarize(in.row<uint8_t>(y), n, static_cast<int>(std::ceil(threshold)),
                        out.row<uint8_t>(y));
    }
    return;
  }
  each_value(in, out, [threshold](auto value, int) {
    return static_cast<double>(value) < threshold ? value : inverted(value);
  });
}

void invert(const ImageView& in, Image& out) {
  each_value(in, out, [](auto value, int) { return inverted(value); });
}

void posterize(const ImageView& in, int bits, Image& out) {
  each_value(in, out, [bits](auto value, int) {
    using T = decltype(value);
    if constexpr (std::integral<T>) {
      const int dropped = static_cast<int>(sizeof(T)) * 8 - bits;
      return static_cast<T>((value >> dropped) << dropped);
    } else {
      const float levels = static_cast<float>(1 << bits);
      return std::floor(value * levels) / levels;
    }
  });
}

void equalize(const ImageView& in, Image& out) {
  require_8_bit(in, "equalize");
  out.reset(in.height, in.width, in.channels, in.type);
  for (int c = 0; c < in.channels; ++c) {
    std::array<int64_t, 256> histogram{};
    for (int y = 0; y < in.height; ++y) {
      const uint8_t* row = in.row<uint8_t>(y) + c;
      for (int x = 0; x < in.width; ++x) ++histogram[row[x * in.channels]];
    }
    const Table table = equalizing(histogram);
    for (int y = 0; y < in.height; ++y) {
      const uint8_t* from = in.row<uint8_t>(y) + c;
      uint8_t* to = out.row<uint8_t>(y) + c;
      for (int x = 0; x < in.width; ++x) to[x * in.channels] = table[from[x * in.channels]];
    }
  }
}

void autocontrast(const ImageView& in, Image& out) {
  require_pixels(in, "autocontrast");
  out.reset(in.height, in.width, in.channels, in.type);
  with_pixel_type(in.type, [&](auto p) {
    for (int c = 0; c < in.channels; ++c) stretch_channel<decltype(p)>(in, c, out);
  });
}

void erase(const ImageView& in, const Box& box, double value, Image& out) {
  if (in.data != out.data()) each_value(in, out, [](auto v, int) { return v; });
  const int top = std::max(box.top, 0), bottom = std::min(box.top + box.height, in.height);
  const int left = std::max(box.left, 0), right = std::min(box.left + box.width, in.width);
  if (left >= right) return;
  with_pixel_type(in.type, [&](auto p) {
    using T = decltype(p);
    for (int y = top; y < bottom; ++y) {
      std::fill_n(out.row<T>(y) + left * in.channels, (right - left) * in.channels,
                  to_pixel<T>(value));
    }
  });
}

void channel_drop(const ImageView& in, const std::vector<int>& dropped, Image& out) {
  if (in.data != out.data()) each_value(in, out, [](auto v, int) { return v; });
  with_pixel_type(in.type, [&](auto p) {
    using T = decltype(p);
    for (int y = 0; y < in.height; ++y) {
      for (const int c : dropped) {
        T* value = out.row<T>(y) + c;
        for (int x = 0; x < in.width; ++x) value[x * in.channels] = T{};
      }
    }
  });
}

}  // namespace vistas::vision
