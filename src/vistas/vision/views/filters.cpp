#include "vistas/vision/views/filters.h"

#include <cstring>

#include "vistas/vision/views/blend.h"
#include "vistas/vision/views/kernels.h"

namespace vistas::vision {
namespace {

// One extended box filter: 2 radius + 1 whole pixels and a part of the two next ones.
struct ExtendedBox {
  int radius = 0;
  uint32_t inner = 0, outer = 0;  // 24-bit fixed point
  float inner_real = 0, outer_real = 0;
};

// Three passes of the box have the variance of a Gaussian.
ExtendedBox box_of(double sigma) {
  const float passes = 3;
  const float s = static_cast<float>(sigma);
  const float variance = s * s / passes;
  const float length = static_cast<float>(std::sqrt(12.0 * static_cast<double>(variance) + 1.0));
  const float l = static_cast<float>(std::floor((static_cast<double>(length) - 1.0) / 2.0));
  float a = (2 * l + 1) * (l * (l + 1) - 3 * variance);
  a /= 6 * (variance - (l + 1) * (l + 1));
  const float radius = l + a;
  ExtendedBox box;
  box.radius = static_cast<int>(radius);
  box.inner = static_cast<uint32_t>(static_cast<float>(1 << 24) / (radius * 2 + 1));
  const uint32_t width = static_cast<uint32_t>(box.radius) * 2 + 1;
  box.outer = ((1U << 24) - width * box.inner) / 2;
  box.inner_real = static_cast<float>(box.inner) / (1 << 24);
  box.outer_real = static_cast<float>(box.outer) / (1 << 24);
  return box;
}

template <class T>
T box_value(const ExtendedBox& box, uint32_t inner, uint32_t outer) {
  const uint64_t sum = uint64_t{box.inner} * inner + uint64_t{box.outer} * outer;
  return static_cast<T>((sum + (1 << 23)) >> 24);
}

inline float box_value_real(const ExtendedBox& box, float inner, float outer) {
  return box.inner_real * inner + box.outer_real * outer;
}

// A line of n values `stride` elements apart.
template <class T>
void box_line(const ExtendedBox& box, const T* in, T* out, int n, int stride) {
  using Accumulator = std::conditional_t<std::integral<T>, uint32_t, float>;
  const auto at = [&](int i) {
    return static_cast<Accumulator>(in[std::clamp(i, 0, n - 1) * stride]);
  };
  for (int i = 0; i < n; ++i) {
    Accumulator inner = 0;
    for (int k = -box.radius; k <= box.radius; ++k) inner += at(i + k);
    const Accumulator outer = at(i - box.radius - 1) + at(i + box.radius + 1);
    if constexpr (std::integral<T>) {
      out[i * stride] = box_value<T>(box, inner, outer);
    } else {
      out[i * stride] = box_value_real(box, inner, outer);
    }
  }
}

// Any pixel type, line by line.
template <class T>
void blur_lines(const ImageView& in, const ExtendedBox& box, Image& between, Image& out) {
  const int across = in.width * in.channels;
  for (int y = 0; y < in.height; ++y) std::copy_n(in.row<T>(y), across, out.row<T>(y));
  Image* from = &out;
  Image* to = &between;
  for (int pass = 0; pass < 6; ++pass, std::swap(from, to)) {
    for (int y = 0; pass < 3 && y < in.height; ++y) {
      for (int c = 0; c < in.channels; ++c) {
        box_line(box, from->row<T>(y) + c, to->row<T>(y) + c, in.width, in.channels);
      }
    }
    for (int x = 0; pass >= 3 && x < across; ++x) {
      box_line(box, from->row<T>(0) + x, to->row<T>(0) + x, in.height, across);
    }
  }
}

// The kernels add up 16-bit sums.
constexpr int kMaxKernelRadius = 63;

// Repeats the first and last pixel `pixels` times on both sides of a row of n bytes.
void extend_row(uint8_t* row, size_t n, size_t channels, size_t pixels) {
  for (size_t i = 1; i <= pixels; ++i) {
    std::memcpy(row - i * channels, row, channels);
    std::memcpy(row + n + (i - 1) * channels, row + n - channels, channels);
  }
}

// Three passes along every row; the lines of the kernel are the row shifted by whole pixels.
void blur_across(const ImageView& in, const ExtendedBox& box, BlurScratch& scratch, Image& out) {
  const size_t n = out.row_bytes(), channels = static_cast<size_t>(in.channels);
  const size_t reach = static_cast<size_t>(box.radius) + 1, margin = reach * channels;
  scratch.padded[0].resize(n + 2 * margin);
  scratch.padded[1].resize(n + 2 * margin);
  uint8_t* rows[2] = {scratch.padded[0].data() + margin, scratch.padded[1].data() + margin};
  const auto pass = [&](uint8_t* from, uint8_t* to) {
    extend_row(from, n, channels, reach);
    scratch.lines.clear();
    for (size_t k = 0; k <= 2 * reach; ++k) scratch.lines.push_back(from - margin + k * channels);
    kernels::box_line(scratch.lines.data(), box.radius, box.inner, box.outer, n, to);
  };
  for (int y = 0; y < in.height; ++y) {
    std::memcpy(rows[0], in.row<uint8_t>(y), n);
    pass(rows[0], rows[1]);
    pass(rows[1], rows[0]);
    pass(rows[0], out.row<uint8_t>(y));
  }
}

// One pass down.
void blur_down(const ExtendedBox& box, BlurScratch& scratch, const Image& in, Image& out) {
  for (int y = 0; y < in.height(); ++y) {
    scratch.lines.clear();
    for (int k = y - box.radius - 1; k <= y + box.radius + 1; ++k) {
      scratch.lines.push_back(in.row<uint8_t>(std::clamp(k, 0, in.height() - 1)));
    }
    kernels::box_line(scratch.lines.data(), box.radius, box.inner, box.outer, in.row_bytes(),
                      out.row<uint8_t>(y));
  }
}

}  // namespace

void gaussian_blur(const ImageView& in, double sigma, BlurScratch& scratch, Image& out) {
  require_pixels(in, "gaussian blur");
  const ExtendedBox box = box_of(sigma);
  out.reset(in.height, in.width, in.channels, in.type);
  scratch.between.reset(in.height, in.width, in.channels, in.type);
  if (in.type == PixelType::u8 && box.radius <= kMaxKernelRadius) {
    blur_across(in, box, scratch, out);
    blur_down(box, scratch, out, scratch.between);
    blur_down(box, scratch, scratch.between, out);
    blur_down(box, scratch, out, scratch.between);
    std::swap(out, scratch.between);
    return;
  }
  with_pixel_type(in.type, [&](auto p) { blur_lines<decltype(p)>(in, box, scratch.between, out); });
}

namespace {

// Index i mirrored into 0..n-1 without repeating the edge.
int reflect(int i, int n) {
  if (n == 1) return 0;
  const int period = 2 * (n - 1);
  i = ((i % period) + period) % period;
  return i < n ? i : period - i;
}

// The places that `half` pixels before to `half` pixels behind a line of n pixels come from.
void reflected_places(int n, int half, std::vector<int>& places) {
  places.clear();
  for (int i = -half; i < n + half; ++i) places.push_back(reflect(i, n));
}

void gaussian_taps(int kernel, double sigma, BlurScratch& scratch) {
  scratch.weights.clear();
  double sum = 0;
  for (int k = 0; k < kernel; ++k) {
    const double x = (k - (kernel - 1) * 0.5) / sigma;
    scratch.weights.push_back(std::exp(-0.5 * x * x));
    sum += scratch.weights.back();
  }
  scratch.taps.clear();
  for (const double weight : scratch.weights) {
    scratch.taps.push_back(static_cast<float>(weight / sum));
  }
}

template <class T>
T to_even(float value) {
  if constexpr (std::integral<T>) {
    return to_pixel<T>(std::nearbyint(static_cast<double>(value)));
  } else {
    return value;
  }
}

// Filters interleaved values: across into scratch.rows, then down into `out`.
template <class T>
void filter(const T* in, size_t in_row, int height, int width, int channels, BlurScratch& scratch,
            T* out) {
  const std::vector<float>& taps = scratch.taps;
  const int half = static_cast<int>(taps.size()) / 2;
  const size_t step = static_cast<size_t>(channels), across = static_cast<size_t>(width) * step;
  std::vector<const float*>& lines = scratch.float_lines;

  // Across: the lines of the kernel are a row with its borders, shifted by whole pixels.
  reflected_places(width, half, scratch.places);
  scratch.line.resize(scratch.places.size() * step);
  lines.clear();
  for (size_t k = 0; k < taps.size(); ++k) lines.push_back(scratch.line.data() + k * step);
  scratch.rows.resize(across * static_cast<size_t>(height));
  for (int y = 0; y < height; ++y) {
    const T* from = in + static_cast<size_t>(y) * in_row;
    float* line = scratch.line.data();
    for (const int place : scratch.places) {
      for (int c = 0; c < channels; ++c) *line++ = static_cast<float>(from[place * channels + c]);
    }
    kernels::weighted_sum(lines.data(), taps.data(), taps.size(), across,
                          scratch.rows.data() + static_cast<size_t>(y) * across);
  }

  // Down: from row y on, the lines are the rows around it.
  reflected_places(height, half, scratch.places);
  lines.clear();
  for (const int place : scratch.places) {
    lines.push_back(scratch.rows.data() + static_cast<size_t>(place) * across);
  }
  for (int y = 0; y < height; ++y) {
    kernels::weighted_sum(lines.data() + y, taps.data(), taps.size(), across, scratch.line.data());
    T* to = out + static_cast<size_t>(y) * across;
    for (size_t x = 0; x < across; ++x) to[x] = to_even<T>(scratch.line[x]);
  }
}

}  // namespace

void tensor_gaussian_blur(const ImageView& in, int kernel, double sigma, BlurScratch& scratch,
                          Image& out) {
  out.reset(in.height, in.width, in.channels, in.type);
  gaussian_taps(kernel, sigma, scratch);
  with_pixel_type(in.type, [&](auto p) {
    using T = decltype(p);
    filter(in.row<T>(0), in.row_bytes / sizeof(T), in.height, in.width, in.channels, scratch,
           out.row<T>(0));
  });
}

void tensor_gaussian_blur(float* plane, int height, int width, int kernel, double sigma,
                          BlurScratch& scratch) {
  gaussian_taps(kernel, sigma, scratch);
  filter(plane, static_cast<size_t>(width), height, width, 1, scratch, plane);
}

namespace {

// One row of the blend with the smoothed picture, without the first and last pixel.
template <class T>
void sharpen_row(const T* above, const T* row, const T* below, int channels, int values,
                 float factor, T* out) {
  using Sum = std::conditional_t<std::integral<T>, int, float>;
  const auto column = [=](int i) { return Sum{above[i]} + Sum{row[i]} + Sum{below[i]}; };
  for (int i = channels; i < values - channels; ++i) {
    const Sum sum = column(i - channels) + column(i) + column(i + channels) + 4 * Sum{row[i]};
    float smooth = static_cast<float>(sum) / 13.0F;
    if constexpr (std::integral<T>) smooth = static_cast<float>(static_cast<int>(smooth + 0.5F));
    out[i] = blend<T>(smooth, static_cast<float>(row[i]), factor);
  }
}

}  // namespace

void sharpness(const ImageView& in, double factor, Image& out) {
  out.reset(in.height, in.width, in.channels, in.type);
  const int values = in.width * in.channels;
  with_pixel_type(in.type, [&](auto p) {
    using T = decltype(p);
    for (int y = 0; y < in.height; ++y) {
      const T* row = in.row<T>(y);
      std::copy_n(row, values, out.row<T>(y));
      if (y == 0 || y == in.height - 1) continue;
      sharpen_row(in.row<T>(y - 1), row, in.row<T>(y + 1), in.channels, values,
                  static_cast<float>(factor), out.row<T>(y));
    }
  });
}

}  // namespace vistas::vision
