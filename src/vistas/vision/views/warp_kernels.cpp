#include <algorithm>
#include <cstring>

#include "vistas/vision/views/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "vistas/vision/views/warp_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vistas::vision::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Real = hn::CappedTag<double, kWarpStep>;
using Whole = hn::Rebind<int32_t, Real>;
using Reals = hn::Vec<Real>;
using Wholes = hn::Vec<Whole>;

// Four neighbouring bytes of a row for each lane.
HWY_INLINE Wholes load_fours(const uint8_t* from, Wholes place) {
  return hn::GatherOffset(Whole(), reinterpret_cast<const int32_t*>(from), place);
}

template <int kByte>
HWY_INLINE Wholes byte_of(Wholes fours) {
  return hn::And(hn::ShiftRight<8 * kByte>(fours), hn::Set(Whole(), 255));
}

HWY_INLINE Reals real(Wholes v) {
  return hn::PromoteTo(Real(), v);
}

// The steps of geometry.cpp in the same order. What is computed in integers is exact in both.
struct Bilinear {
  static constexpr int kBefore = 0;

  static HWY_INLINE Reals mix(Reals from, Reals change, Reals t) {
    return hn::Add(from, hn::Mul(change, t));
  }
  static HWY_INLINE Reals row(Wholes fours, Reals t) {
    const Wholes v1 = byte_of<0>(fours), v2 = byte_of<1>(fours);
    return mix(real(v1), real(hn::Sub(v2, v1)), t);
  }
  static HWY_INLINE Reals at(const uint8_t* from, int row_bytes, Wholes place, Reals dx, Reals dy) {
    const Reals v1 = row(load_fours(from, place), dx);
    const Reals v2 = row(load_fours(from + row_bytes, place), dx);
    return mix(v1, hn::Sub(v2, v1), dy);
  }
};

struct Bicubic {
  static constexpr int kBefore = 1;

  static HWY_INLINE Reals polynomial(Reals p1, Reals p2, Reals p3, Reals p4, Reals t) {
    const Reals slope = hn::Add(p2, hn::Mul(t, hn::Add(p3, hn::Mul(t, p4))));
    return hn::Add(p1, hn::Mul(t, slope));
  }
  static HWY_INLINE Reals row(Wholes fours, Reals t) {
    const Wholes v1 = byte_of<0>(fours), v2 = byte_of<1>(fours);
    const Wholes v3 = byte_of<2>(fours), v4 = byte_of<3>(fours);
    const Wholes before = hn::Sub(v1, v2), after = hn::Sub(v3, v4);
    const Wholes p3 = hn::Add(hn::Add(before, before), after);
    const Wholes p4 = hn::Sub(hn::Neg(before), after);
    return polynomial(real(v2), real(hn::Sub(v3, v1)), real(p3), real(p4), t);
  }
  static HWY_INLINE Reals at(const uint8_t* from, int row_bytes, Wholes place, Reals dx, Reals dy) {
    const Reals v1 = row(load_fours(from, place), dx);
    const Reals v2 = row(load_fours(from + row_bytes, place), dx);
    const Reals v3 = row(load_fours(from + 2 * row_bytes, place), dx);
    const Reals v4 = row(load_fours(from + 3 * row_bytes, place), dx);
    const Reals before = hn::Sub(v1, v2);
    const Reals p3 = hn::Sub(hn::Add(hn::Add(before, before), v3), v4);
    const Reals p4 = hn::Add(hn::Sub(hn::Sub(v2, v1), v3), v4);
    return polynomial(v2, hn::Sub(v3, v1), p3, p4, dy);
  }
};

template <class Interpolation>
HWY_INLINE void warp_row(const Planes& in, const double* x, const double* y, size_t n, uint8_t fill,
                         uint8_t* out) {
  const Real d;
  const Whole di;
  const hn::Rebind<uint8_t, Real> d8;
  const auto zero = hn::Zero(d), half = hn::Set(d, 0.5), white = hn::Set(d, 255.0);
  const auto width = hn::Set(d, in.width), height = hn::Set(d, in.height);
  const uint8_t* corner = in.first - Interpolation::kBefore * (in.row + 1);
  const size_t lanes = hn::Lanes(d), channels = static_cast<size_t>(in.channels);
  HWY_ALIGN uint8_t levels[kWarpStep];
  for (size_t i = 0; i < n; i += lanes) {
    const auto px = hn::LoadU(d, x + i), py = hn::LoadU(d, y + i);
    const auto inside = hn::And(hn::And(hn::Ge(px, zero), hn::Lt(px, width)),
                                hn::And(hn::Ge(py, zero), hn::Lt(py, height)));
    const auto sx = hn::Sub(hn::IfThenElseZero(inside, px), half);
    const auto sy = hn::Sub(hn::IfThenElseZero(inside, py), half);
    const auto left = hn::Floor(sx), top = hn::Floor(sy);
    const auto dx = hn::Sub(sx, left), dy = hn::Sub(sy, top);
    const auto place =
        hn::Add(hn::DemoteTo(di, left), hn::Mul(hn::DemoteTo(di, top), hn::Set(di, in.row)));
    const size_t count = HWY_MIN(lanes, n - i);
    for (size_t c = 0; c < channels; ++c) {
      const auto value = Interpolation::at(corner + c * in.plane, in.row, place, dx, dy);
      const auto level =
          hn::IfThenElse(inside, hn::Min(hn::Max(value, zero), white), hn::Set(d, fill));
      hn::StoreU(hn::DemoteTo(d8, hn::DemoteTo(di, level)), d8, levels);
      for (size_t j = 0; j < count; ++j) out[(i + j) * channels + c] = levels[j];
    }
  }
}

void warp_bilinear(const Planes& in, const double* x, const double* y, size_t n, uint8_t fill,
                   uint8_t* out) {
  warp_row<Bilinear>(in, x, y, n, fill, out);
}

void warp_bicubic(const Planes& in, const double* x, const double* y, size_t n, uint8_t fill,
                  uint8_t* out) {
  warp_row<Bicubic>(in, x, y, n, fill, out);
}

}  // namespace vistas::vision::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vistas::vision::kernels {

HWY_EXPORT(warp_bilinear);
HWY_EXPORT(warp_bicubic);

void warp_bilinear(const Planes& in, const double* x, const double* y, size_t n, uint8_t fill,
                   uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(warp_bilinear)(in, x, y, n, fill, out);
}
void warp_bicubic(const Planes& in, const double* x, const double* y, size_t n, uint8_t fill,
                  uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(warp_bicubic)(in, x, y, n, fill, out);
}

namespace {

// Planes reach this far beyond the picture on all sides.
constexpr size_t kBorder = 2;

void split_row(const uint8_t* in, size_t width, size_t channels, uint8_t* out) {
  for (size_t x = 0; x < width; ++x) out[x] = in[x * channels];
  std::memset(out - kBorder, out[0], kBorder);
  std::memset(out + width, out[width - 1], kBorder);
}

}  // namespace

Planes split_planes(const uint8_t* in, size_t in_row, int height, int width, int channels,
                    std::vector<uint8_t>& memory) {
  const size_t w = static_cast<size_t>(width), h = static_cast<size_t>(height);
  const size_t row = w + 2 * kBorder, plane = row * (h + 2 * kBorder);
  const size_t slack = 4;  // bilinear rows are read four bytes at a time
  memory.resize(std::max(memory.size(), plane * static_cast<size_t>(channels) + slack));
  for (size_t c = 0; c < static_cast<size_t>(channels); ++c) {
    uint8_t* first = memory.data() + c * plane + kBorder * row;
    for (size_t y = 0; y < h; ++y) {
      split_row(in + y * in_row + c, w, static_cast<size_t>(channels), first + y * row + kBorder);
    }
    for (size_t k = 1; k <= kBorder; ++k) {
      std::memcpy(first - k * row, first, row);
      std::memcpy(first + (h - 1 + k) * row, first + (h - 1) * row, row);
    }
  }
  return {memory.data() + kBorder * row + kBorder,
          static_cast<int32_t>(row),
          plane,
          height,
          width,
          channels};
}

}  // namespace vistas::vision::kernels
#endif
