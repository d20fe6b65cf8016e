#include "vistas/vision/views/resize.h"

#include <cstring>

#include "vistas/vision/views/geometry.h"

namespace vistas::vision {
namespace {

constexpr int kFixedBits = 22;

double triangle(double x) {
  x = std::abs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

double cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

struct Axis {
  int in = 0;     // pixels before
  int out = 0;    // pixels after
  int begin = 0;  // first wanted pixel of the result
  int count = 0;  // wanted pixels
};

// Weights of outputs begin .. begin + count - 1; `mirror` stores them in reverse order.
void make_taps(const Axis& axis, Interpolation interpolation, bool mirror,
               std::vector<double>& weights, Taps& taps) {
  const double scale = static_cast<double>(axis.in) / axis.out;
  const double stretch = std::max(scale, 1.0);
  const double support = (interpolation == Interpolation::bicubic ? 2.0 : 1.0) * stretch;
  const auto first_of = [&](double centre) {
    return std::max(static_cast<int>(centre - support + 0.5), 0);
  };
  const auto end_of = [&](double centre) {
    return std::min(static_cast<int>(centre + support + 0.5), axis.in);
  };
  taps.count = 0;
  for (int i = 0; i < axis.count; ++i) {
    const double centre = (axis.begin + i + 0.5) * scale;
    taps.count = std::max(taps.count, end_of(centre) - first_of(centre));
  }
  const size_t count = static_cast<size_t>(taps.count);
  const size_t outputs = static_cast<size_t>(axis.count);
  taps.first.resize(outputs);
  taps.fixed.assign(outputs * count, 0);
  taps.real.assign(outputs * count, 0.0F);
  weights.resize(count);
  for (int i = 0; i < axis.count; ++i) {
    const double centre = (axis.begin + i + 0.5) * scale;
    const int first = first_of(centre), used = end_of(centre) - first;
    double sum = 0;
    for (int k = 0; k < used; ++k) {
      const double x = (k + first - centre + 0.5) * (1.0 / stretch);
      const double w = interpolation == Interpolation::bicubic ? cubic(x) : triangle(x);
      weights[static_cast<size_t>(k)] = w;
      sum += w;
    }
    const size_t slot = static_cast<size_t>(mirror ? axis.count - 1 - i : i);
    const int begin = std::min(first, axis.in - taps.count);  // so that unused taps stay inside
    taps.first[slot] = begin;
    for (int k = 0; k < used; ++k) {
      const double w = sum != 0.0 ? weights[static_cast<size_t>(k)] / sum : 0.0;
      const size_t at = slot * count + static_cast<size_t>(first - begin + k);
      taps.fixed[at] = static_cast<int32_t>(w * (1 << kFixedBits) + (w < 0 ? -0.5 : 0.5));
      taps.real[at] = static_cast<float>(w);
    }
  }
}

// A sum of weighted pixels and its rounding back to the pixel type.
template <class T>
struct Sum {
  float value = 0;
  void add(const Taps& taps, size_t at, T pixel) {
    value += taps.real[at] * static_cast<float>(pixel);
  }
  T pixel() const {
    if constexpr (std::integral<T>) {
      return to_pixel<T>(static_cast<double>(value) + 0.5);
    } else {
      return value;
    }
  }
};

template <>
struct Sum<uint8_t> {
  int32_t value = 1 << (kFixedBits - 1);
  void add(const Taps& taps, size_t at, uint8_t pixel) { value += taps.fixed[at] * pixel; }
  uint8_t pixel() const { return static_cast<uint8_t>(std::clamp(value >> kFixedBits, 0, 255)); }
};

template <class T>
void resize_rows(const ImageView& in, const Taps& taps, int width, Image& out) {
  out.reset(in.height, width, in.channels, in.type);
  const size_t count = static_cast<size_t>(taps.count);
  for (int y = 0; y < in.height; ++y) {
    T* to = out.row<T>(y);
    for (size_t x = 0; x < static_cast<size_t>(width); ++x) {
      const T* from = in.row<T>(y) + taps.first[x] * in.channels;
      for (int c = 0; c < in.channels; ++c) {
        Sum<T> sum;
        for (size_t k = 0; k < count; ++k) {
          sum.add(taps, x * count + k,
                  from[k * static_cast<size_t>(in.channels) + static_cast<size_t>(c)]);
        }
        *to++ = sum.pixel();
      }
    }
  }
}

template <class T>
void resize_columns(const ImageView& in, const Taps& taps, int height, Image& out) {
  out.reset(height, in.width, in.channels, in.type);
  const size_t count = static_cast<size_t>(taps.count);
  const int across = in.width * in.channels;
  for (int y = 0; y < height; ++y) {
    T* to = out.row<T>(y);
    const size_t slot = static_cast<size_t>(y);
    for (int x = 0; x < across; ++x) {
      Sum<T> sum;
      for (size_t k = 0; k < count; ++k) {
        sum.add(taps, slot * count + k, in.row<T>(taps.first[slot] + static_cast<int>(k))[x]);
      }
      to[x] = sum.pixel();
    }
  }
}

// Pillow scales without filter by adding up steps in double.
void resize_nearest(const ImageView& in, const Axis& across, const Axis& down, bool mirror,
                    Image& out) {
  out.reset(down.count, across.count, in.channels, in.type);
  const size_t bytes = static_cast<size_t>(in.channels) * size_of(in.type);
  const double step_x = static_cast<double>(across.in) / across.out;
  const double step_y = static_cast<double>(down.in) / down.out;
  double y = step_y * 0.5;
  for (int i = 0; i < down.begin + down.count; ++i, y += step_y) {
    if (i < down.begin) continue;
    const std::byte* from = in.row<std::byte>(std::min(static_cast<int>(y), down.in - 1));
    std::byte* to = out.row<std::byte>(i - down.begin);
    double x = step_x * 0.5;
    for (int j = 0; j < across.begin + across.count; ++j, x += step_x) {
      if (j < across.begin) continue;
      const int slot = mirror ? across.count - 1 - (j - across.begin) : j - across.begin;
      const int column = std::min(static_cast<int>(x), across.in - 1);
      std::memcpy(to + static_cast<size_t>(slot) * bytes,
                  from + static_cast<size_t>(column) * bytes, bytes);
    }
  }
}

void copy_pixels(const ImageView& in, Image& out) {
  out.reset(in.height, in.width, in.channels, in.type);
  for (int y = 0; y < in.height; ++y) {
    std::memcpy(out.row<std::byte>(y), in.row<std::byte>(y), out.row_bytes());
  }
}

// Drops the rows that no tap reads; `taps` then counts from the first row that is left.
ImageView read_rows(const ImageView& in, Taps& taps) {
  const auto [low, high] = std::minmax_element(taps.first.begin(), taps.first.end());
  const int top = *low, bottom = *high + taps.count;
  for (int32_t& first : taps.first) first -= top;
  return in.crop({top, 0, bottom - top, in.width});
}

void run_across(const ImageView& in, ResizeScratch& scratch, int width, Image& out) {
  const Taps& taps = scratch.across;
  const kernels::AcrossTaps across{taps.first.data(), taps.fixed.data(), taps.count, width};
  if (in.type == PixelType::u8 && in.channels == 3) {
    out.reset(in.height, width, in.channels, in.type);
    kernels::resize_across_rgb(in.row<uint8_t>(0), in.row_bytes, in.width, in.height, across,
                               scratch.last_rows, out.row<uint8_t>(0), out.row_bytes());
    return;
  }
  if (in.type == PixelType::u8 && in.channels == 1) {
    out.reset(in.height, width, in.channels, in.type);
    kernels::resize_across_grey(in.row<uint8_t>(0), in.row_bytes, in.width, in.height, across,
                                scratch.grey, out.row<uint8_t>(0), out.row_bytes());
    return;
  }
  with_pixel_type(in.type, [&](auto p) { resize_rows<decltype(p)>(in, taps, width, out); });
}

void run_down(const ImageView& in, const Taps& taps, int height, Image& out) {
  if (in.type == PixelType::u8) {
    out.reset(height, in.width, in.channels, in.type);
    for (int y = 0; y < height; ++y) {
      const size_t slot = static_cast<size_t>(y);
      kernels::resize_down(in.row<uint8_t>(taps.first[slot]), in.row_bytes,
                           taps.fixed.data() + slot * static_cast<size_t>(taps.count), taps.count,
                           out.row_bytes(), out.row<uint8_t>(y));
    }
    return;
  }
  with_pixel_type(in.type, [&](auto p) { resize_columns<decltype(p)>(in, taps, height, out); });
}

}  // namespace

void resized_crop(const ImageView& image, const Box& crop, int height, int width,
                  const ResizeOptions& options, ResizeScratch& scratch, Image& out) {
  ImageView in = image.crop(crop);
  require_pixels(in, "resized crop");
  const bool whole = options.window.height == 0;
  const Box window = whole ? Box{0, 0, height, width} : options.window;
  const Axis across{crop.width, width, window.left, window.width};
  const Axis down{crop.height, height, window.top, window.height};
  if (options.interpolation == Interpolation::nearest) {
    resize_nearest(in, across, down, options.mirror, out);
    return;
  }
  const bool horizontal = crop.width != width, vertical = crop.height != height;
  if (options.mirror && !horizontal) {
    ResizeOptions plain = options;
    plain.mirror = false;
    resized_crop(image, crop, height, width, plain, scratch, scratch.unmirrored);
    hflip(scratch.unmirrored.view(), out);
    return;
  }
  if (horizontal) {
    make_taps(across, options.interpolation, options.mirror, scratch.weights, scratch.across);
  } else {
    in = in.crop({0, window.left, in.height, window.width});
  }
  if (vertical) {
    make_taps(down, options.interpolation, false, scratch.weights, scratch.down);
    in = read_rows(in, scratch.down);
  } else {
    in = in.crop({window.top, 0, window.height, in.width});
  }
  if (horizontal && vertical && options.vertical_first) {
    run_down(in, scratch.down, window.height, scratch.between);
    run_across(scratch.between.view(), scratch, window.width, out);
  } else if (horizontal && vertical) {
    run_across(in, scratch, window.width, scratch.between);
    run_down(scratch.between.view(), scratch.down, window.height, out);
  } else if (horizontal) {
    run_across(in, scratch, window.width, out);
  } else if (vertical) {
    run_down(in, scratch.down, window.height, out);
  } else {
    copy_pixels(in, out);
  }
}

}  // namespace vistas::vision
