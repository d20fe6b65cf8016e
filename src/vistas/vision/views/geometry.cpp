#include "vistas/vision/views/geometry.h"

#include <cstring>
#include <numbers>
#include <utility>

#include "vistas/vision/views/kernels.h"

namespace vistas::vision {
namespace {

// The inverse map of a warp: source x = (m0 x + m1 y + m2) / (m6 x + m7 y + 1), same for y.
using Matrix = std::array<double, 8>;

double radians(double degrees) {
  return degrees * (std::numbers::pi / 180.0);
}

int clip_index(int i, int size) {
  return std::clamp(i, 0, size - 1);
}

// Pillow's cubic through four samples, a = -1.
double cubic(double v1, double v2, double v3, double v4, double d) {
  const double p2 = -v1 + v3;
  const double p3 = 2 * (v1 - v2) + v3 - v4;
  const double p4 = -v1 + v2 - v3 + v4;
  return v2 + d * (p2 + d * (p3 + d * p4));
}

template <class T>
struct Sampler {
  const ImageView& in;
  Interpolation interpolation;

  bool inside(double x, double y) const {
    return x >= 0.0 && x < in.width && y >= 0.0 && y < in.height;
  }

  // The pixel at (x, y), which lies inside.
  void operator()(double x, double y, T* out) const {
    if (interpolation == Interpolation::nearest) {
      const T* pixel = in.row<T>(static_cast<int>(y)) + static_cast<int>(x) * in.channels;
      std::copy_n(pixel, in.channels, out);
    } else if (interpolation == Interpolation::bilinear) {
      bilinear(x - 0.5, y - 0.5, out);
    } else {
      bicubic(x - 0.5, y - 0.5, out);
    }
  }

  void bilinear(double x, double y, T* out) const {
    const int left = static_cast<int>(std::floor(x)), top = static_cast<int>(std::floor(y));
    const double dx = x - left, dy = y - top;
    const T* upper = in.row<T>(clip_index(top, in.height));
    const T* lower = in.row<T>(clip_index(top + 1, in.height));
    const int x0 = clip_index(left, in.width) * in.channels;
    const int x1 = clip_index(left + 1, in.width) * in.channels;
    for (int c = 0; c < in.channels; ++c) {
      const double v1 = upper[x0 + c] + (upper[x1 + c] - upper[x0 + c]) * dx;
      const double v2 = lower[x0 + c] + (lower[x1 + c] - lower[x0 + c]) * dx;
      out[c] = static_cast<T>(v1 + (v2 - v1) * dy);
    }
  }

  void bicubic(double x, double y, T* out) const {
    const int left = static_cast<int>(std::floor(x)), top = static_cast<int>(std::floor(y));
    const double dx = x - left, dy = y - top;
    int columns[4];
    for (int k = 0; k < 4; ++k) columns[k] = clip_index(left - 1 + k, in.width) * in.channels;
    for (int c = 0; c < in.channels; ++c) {
      double v[4];
      for (int k = 0; k < 4; ++k) {
        const T* row = in.row<T>(clip_index(top - 1 + k, in.height)) + c;
        v[k] = cubic(row[columns[0]], row[columns[1]], row[columns[2]], row[columns[3]], dx);
      }
      out[c] = to_pixel<T>(cubic(v[0], v[1], v[2], v[3], dy));
    }
  }
};

template <class T>
void fill_with(Image& out, double value) {
  T* pixels = out.row<T>(0);
  std::fill_n(pixels, out.size_bytes() / sizeof(T), to_pixel<T>(value));
}

// source(x, y) gives the place in `in` that output pixel (x, y) shows.
template <class Source>
void warp(const ImageView& in, int height, int width, const WarpOptions& options,
          const Source& source, Image& out) {
  out.reset(height, width, in.channels, in.type);
  with_pixel_type(in.type, [&](auto pixel) {
    using T = decltype(pixel);
    fill_with<T>(out, options.fill);
    const Sampler<T> sample{in, options.interpolation};
    for (int y = 0; y < height; ++y) {
      T* row = out.row<T>(y);
      for (int x = 0; x < width; ++x) {
        const Point p = source(x, y);
        if (sample.inside(p.x, p.y)) sample(p.x, p.y, row + x * in.channels);
      }
    }
  });
}

// The same with kernels for bilinear and bicubic warps of 8-bit pixels.
template <class Source>
void fast_warp(const ImageView& in, int height, int width, const WarpOptions& options,
               const Source& source, WarpScratch& scratch, Image& out) {
  require_pixels(in, "warp");
  if (in.type != PixelType::u8 || options.interpolation == Interpolation::nearest) {
    return warp(in, height, width, options, source, out);
  }
  out.reset(height, width, in.channels, in.type);
  auto* const run = options.interpolation == Interpolation::bilinear ? kernels::warp_bilinear
                                                                     : kernels::warp_bicubic;
  const kernels::Planes planes = kernels::split_planes(in.row<uint8_t>(0), in.row_bytes, in.height,
                                                       in.width, in.channels, scratch.planes);
  const uint8_t fill = to_pixel<uint8_t>(options.fill);
  const size_t n = static_cast<size_t>(width);
  scratch.x.resize(n + kernels::kWarpStep);
  scratch.y.resize(n + kernels::kWarpStep);
  double *xs = scratch.x.data(), *ys = scratch.y.data();
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const Point p = source(x, y);
      xs[x] = p.x;
      ys[x] = p.y;
    }
    run(planes, xs, ys, n, fill, out.row<uint8_t>(y));
  }
}

// Nearest neighbour without rotation or shear: Pillow adds up steps in double.
void scale_nearest(const ImageView& in, int height, int width, const Matrix& m, double fill,
                   Image& out) {
  Point at{0, m[5] + m[4] * 0.5};
  warp(
      in, height, width, {Interpolation::nearest, fill},
      [&](int x, int y) {
        if (x == 0 && y > 0) at.y += m[4];
        at.x = x == 0 ? m[2] + m[0] * 0.5 : at.x + m[0];
        return at;
      },
      out);
}

// Nearest neighbour in Pillow's 16.16 fixed point.
void fixed_nearest(const ImageView& in, int height, int width, const Matrix& m, double fill,
                   Image& out) {
  const auto fix = [](double v) { return static_cast<int64_t>(std::floor(v * 65536.0 + 0.5)); };
  const int64_t x0 = fix(m[2] + m[0] * 0.5 + m[1] * 0.5), xx = fix(m[0]), xy = fix(m[1]);
  const int64_t y0 = fix(m[5] + m[3] * 0.5 + m[4] * 0.5), yx = fix(m[3]), yy = fix(m[4]);
  warp(
      in, height, width, {Interpolation::nearest, fill},
      [=](int x, int y) {
        return Point{static_cast<double>((x0 + xx * x + xy * y) >> 16),
                     static_cast<double>((y0 + yx * x + yy * y) >> 16)};
      },
      out);
}

void transform(const ImageView& in, int height, int width, const Matrix& m,
               const WarpOptions& options, WarpScratch& scratch, Image& out) {
  const auto along_x = [&m](double x, double y) { return m[0] * x + m[1] * y + m[2]; };
  const auto along_y = [&m](double x, double y) { return m[3] * x + m[4] * y + m[5]; };
  if (m[6] != 0 || m[7] != 0) {
    const auto source = [&](int column, int line) {
      const double x = column + 0.5, y = line + 0.5;
      const double w = m[6] * x + m[7] * y + 1;
      return Point{along_x(x, y) / w, along_y(x, y) / w};
    };
    fast_warp(in, height, width, options, source, scratch, out);
  } else if (options.interpolation != Interpolation::nearest) {
    const auto source = [&](int column, int line) {
      const double x = column + 0.5, y = line + 0.5;
      return Point{along_x(x, y), along_y(x, y)};
    };
    fast_warp(in, height, width, options, source, scratch, out);
  } else if (m[1] == 0 && m[3] == 0) {
    scale_nearest(in, height, width, m, options.fill, out);
  } else {
    fixed_nearest(in, height, width, m, options.fill, out);
  }
}

// `bytes`, the size of a pixel, is a number or an integral_constant.
template <class Pick, class Bytes>
void move_pixels(const ImageView& in, const Pick& pick, Bytes bytes, Image& out) {
  const int size = bytes;
  for (int y = 0; y < out.height(); ++y) {
    std::byte* to = out.row<std::byte>(y);
    for (int x = 0; x < out.width(); ++x, to += size) {
      const auto [from_x, from_y] = pick(x, y);
      std::memcpy(to, in.row<std::byte>(from_y) + from_x * size, static_cast<size_t>(bytes));
    }
  }
}

// Output pixel (x, y) is the input's pixel pick(x, y).
template <class Pick>
void rearrange(const ImageView& in, int height, int width, const Pick& pick, Image& out) {
  out.reset(height, width, in.channels, in.type);
  const int bytes = in.channels * static_cast<int>(size_of(in.type));
  if (bytes == 1) return move_pixels(in, pick, std::integral_constant<int, 1>(), out);
  if (bytes == 3) return move_pixels(in, pick, std::integral_constant<int, 3>(), out);
  move_pixels(in, pick, bytes, out);
}

// Multiples of 90 degrees that Pillow makes by moving pixels; false for all other rotations.
bool quarter_turns(const ImageView& in, const Rotation& rotation, double degrees, Image& out) {
  if (rotation.centre) return false;
  const int w = in.width, h = in.height;
  using Place = std::pair<int, int>;
  if (degrees == 0) {
    rearrange(
        in, h, w,
        [](int x, int y) {
          return Place{x, y};
        },
        out);
  } else if (degrees == 180) {
    rearrange(
        in, h, w,
        [=](int x, int y) {
          return Place{w - 1 - x, h - 1 - y};
        },
        out);
  } else if (degrees == 90 && (rotation.expand || w == h)) {
    rearrange(
        in, w, h,
        [=](int x, int y) {
          return Place{w - 1 - y, x};
        },
        out);
  } else if (degrees == 270 && (rotation.expand || w == h)) {
    rearrange(
        in, w, h,
        [=](int x, int y) {
          return Place{y, h - 1 - x};
        },
        out);
  } else {
    return false;
  }
  return true;
}

double round_15(double v) {
  return std::round(v * 1e15) / 1e15;
}

// Gauss with partial pivoting on 8 equations; the matrix of a degenerate quadrilateral gives zeros.
Matrix solve(std::array<std::array<double, 9>, 8> a) {
  for (size_t k = 0; k < 8; ++k) {
    size_t best = k;
    for (size_t i = k + 1; i < 8; ++i) {
      if (std::abs(a[i][k]) > std::abs(a[best][k])) best = i;
    }
    std::swap(a[k], a[best]);
    if (a[k][k] == 0) return {};
    for (size_t i = 0; i < 8; ++i) {
      if (i == k) continue;
      const double factor = a[i][k] / a[k][k];
      for (size_t j = k; j < 9; ++j) a[i][j] -= factor * a[k][j];
    }
  }
  Matrix x{};
  for (size_t k = 0; k < 8; ++k) x[k] = a[k][8] / a[k][k];
  return x;
}

}  // namespace

void hflip(const ImageView& in, Image& out) {
  const int w = in.width;
  rearrange(
      in, in.height, w,
      [w](int x, int y) {
        return std::pair{w - 1 - x, y};
      },
      out);
}

void vflip(const ImageView& in, Image& out) {
  out.reset(in.height, in.width, in.channels, in.type);
  for (int y = 0; y < in.height; ++y) {
    std::memcpy(out.row<std::byte>(y), in.row<std::byte>(in.height - 1 - y), out.row_bytes());
  }
}

void rotate(const ImageView& in, const Rotation& rotation, const WarpOptions& options,
            WarpScratch& scratch, Image& out) {
  double degrees = std::fmod(rotation.degrees, 360.0);
  if (degrees < 0) degrees += 360.0;
  if (quarter_turns(in, rotation, degrees, out)) return;
  const double angle = -radians(degrees);
  const double c = round_15(std::cos(angle)), s = round_15(std::sin(angle));
  int width = in.width, height = in.height;
  const Point centre = rotation.centre.value_or(Point{width / 2.0, height / 2.0});
  Matrix m{c, s, 0, -s, c, 0, 0, 0};
  const auto apply = [&m](double x, double y) {
    return Point{m[0] * x + m[1] * y + m[2], m[3] * x + m[4] * y + m[5]};
  };
  const Point offset = apply(-centre.x, -centre.y);
  m[2] = offset.x + centre.x;
  m[5] = offset.y + centre.y;
  if (rotation.expand) {
    const double w = width, h = height;
    const Point corner[4] = {apply(0, 0), apply(w, 0), apply(w, h), apply(0, h)};
    const auto span = [&corner](double Point::*axis) {
      double low = corner[0].*axis, high = low;
      for (const Point& p : corner) {
        low = std::min(low, p.*axis);
        high = std::max(high, p.*axis);
      }
      return static_cast<int>(std::ceil(high) - std::floor(low));
    };
    width = span(&Point::x);
    height = span(&Point::y);
    const Point moved = apply(-(width - w) / 2.0, -(height - h) / 2.0);
    m[2] = moved.x;
    m[5] = moved.y;
  }
  transform(in, height, width, m, options, scratch, out);
}

void affine(const ImageView& in, const AffineMotion& motion, const WarpOptions& options,
            WarpScratch& scratch, Image& out) {
  const double angle = radians(motion.degrees);
  const double sx = radians(motion.shear_degrees.x), sy = radians(motion.shear_degrees.y);
  const double cx = in.width * 0.5, cy = in.height * 0.5;
  const double a = std::cos(angle - sy) / std::cos(sy);
  const double b = -std::cos(angle - sy) * std::tan(sx) / std::cos(sy) - std::sin(angle);
  const double c = std::sin(angle - sy) / std::cos(sy);
  const double d = -std::sin(angle - sy) * std::tan(sx) / std::cos(sy) + std::cos(angle);
  Matrix m{d / motion.scale, -b / motion.scale, 0, -c / motion.scale, a / motion.scale, 0, 0, 0};
  const double tx = -cx - motion.translate.x, ty = -cy - motion.translate.y;
  m[2] += m[0] * tx + m[1] * ty;
  m[5] += m[3] * tx + m[4] * ty;
  m[2] += cx;
  m[5] += cy;
  transform(in, in.height, in.width, m, options, scratch, out);
}

void perspective(const ImageView& in, const Corners& start, const Corners& end,
                 const WarpOptions& options, WarpScratch& scratch, Image& out) {
  std::array<std::array<double, 9>, 8> equations{};
  for (size_t i = 0; i < 4; ++i) {
    const Point &p = end[i], &q = start[i];
    equations[2 * i] = {p.x, p.y, 1, 0, 0, 0, -q.x * p.x, -q.x * p.y, q.x};
    equations[2 * i + 1] = {0, 0, 0, p.x, p.y, 1, -q.y * p.x, -q.y * p.y, q.y};
  }
  transform(in, in.height, in.width, solve(equations), options, scratch, out);
}

void displace(const ImageView& in, std::span<const float> dx, std::span<const float> dy,
              const WarpOptions& options, WarpScratch& scratch, Image& out) {
  fast_warp(
      in, in.height, in.width, options,
      [&](int x, int y) {
        const size_t i =
            static_cast<size_t>(y) * static_cast<size_t>(in.width) + static_cast<size_t>(x);
        return Point{x + 0.5 + static_cast<double>(dx[i]), y + 0.5 + static_cast<double>(dy[i])};
      },
      scratch, out);
}

}  // namespace vistas::vision
