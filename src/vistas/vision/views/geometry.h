// Flips and warps with Pillow's arithmetic. `in` must not be a view of `out`.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "vistas/vision/views/pixels.h"

namespace vistas::vision {

struct Point {
  double x = 0, y = 0;
};

void hflip(const ImageView& in, Image& out);
void vflip(const ImageView& in, Image& out);

// What the warps share. Pixels that come from outside the picture get the value `fill` (in units of
// the pixel type). Bilinear and bicubic (a = -1) read at most one pixel beside the border, repeat
// the edge there, and truncate; there is no antialiasing.
struct WarpOptions {
  Interpolation interpolation = Interpolation::nearest;
  double fill = 0;
};

// Memory that calls reuse.
struct WarpScratch {
  std::vector<uint8_t> planes{};
  std::vector<double> x{}, y{};
};

struct Rotation {
  double degrees = 0;             // counter-clockwise
  bool expand = false;            // enlarge the result so that it holds all corners
  std::optional<Point> centre{};  // default: the middle of the picture
};
void rotate(const ImageView& in, const Rotation& rotation, const WarpOptions& options,
            WarpScratch& scratch, Image& out);

struct AffineMotion {
  double degrees = 0;  // clockwise
  Point translate{};   // pixels
  double scale = 1;
  Point shear_degrees{};
};
// The inverse of T(centre + translate) R(angle) Shear S(scale) T(-centre) about (w/2, h/2).
void affine(const ImageView& in, const AffineMotion& motion, const WarpOptions& options,
            WarpScratch& scratch, Image& out);

// The four corners top-left, top-right, bottom-right, bottom-left before and after.
using Corners = std::array<Point, 4>;
void perspective(const ImageView& in, const Corners& start, const Corners& end,
                 const WarpOptions& options, WarpScratch& scratch, Image& out);

// Output pixel i comes from its own place plus (dx[i], dy[i]) pixels; both hold height * width
// numbers. Bilinear or bicubic.
void displace(const ImageView& in, std::span<const float> dx, std::span<const float> dy,
              const WarpOptions& options, WarpScratch& scratch, Image& out);

}  // namespace vistas::vision
