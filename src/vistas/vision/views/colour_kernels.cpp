#include <cstring>

#include "vistas/vision/views/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "vistas/vision/views/colour_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vistas::vision::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using F32 = hn::ScalableTag<float>;
using I32 = hn::RebindToSigned<F32>;
using U8 = hn::Rebind<uint8_t, F32>;  // as many bytes as there are floats in a vector
using VF = hn::Vec<F32>;
using V8 = hn::Vec<U8>;

HWY_INLINE VF to_float(V8 v) {
  return hn::ConvertTo(F32(), hn::PromoteTo(I32(), v));
}

// Truncated, and clipped by the saturating conversion.
HWY_INLINE V8 to_u8(VF v) {
  return hn::DemoteTo(U8(), hn::ConvertTo(I32(), v));
}

// A multiplication and an addition, each rounded, as Pillow's compiled code does them.
HWY_INLINE VF blend(VF degenerate, VF value, VF factor) {
  return hn::Add(degenerate, hn::Mul(factor, hn::Sub(value, degenerate)));
}

// Calls f(in, out, unit) for n units of `bytes` bytes, `lanes` at a time; the last ones go through
// a buffer.
template <size_t kBytes, class F>
HWY_INLINE void each(const uint8_t* in, size_t n, uint8_t* out, const F& f) {
  const size_t lanes = hn::Lanes(F32());
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) f(in + kBytes * i, out + kBytes * i);
  if (i == n) return;
  uint8_t from[kBytes * hn::MaxLanes(F32())] = {}, to[kBytes * hn::MaxLanes(F32())];
  std::memcpy(from, in + kBytes * i, kBytes * (n - i));
  f(from, to);
  std::memcpy(out + kBytes * i, to, kBytes * (n - i));
}

void blend_constant(const uint8_t* in, size_t n, float degenerate, float factor, uint8_t* out) {
  const VF level = hn::Set(F32(), degenerate), by = hn::Set(F32(), factor);
  each<1>(in, n, out, [&](const uint8_t* from, uint8_t* to) HWY_ATTR {
    hn::StoreU(to_u8(blend(level, to_float(hn::LoadU(U8(), from)), by)), U8(), to);
  });
}

void solarize(const uint8_t* in, size_t n, int threshold, uint8_t* out) {
  const hn::ScalableTag<uint8_t> d;
  if (threshold > 255) {
    std::memmove(out, in, n);
    return;
  }
  const auto limit = hn::Set(d, static_cast<uint8_t>(threshold < 0 ? 0 : threshold));
  const auto white = hn::Set(d, uint8_t{255});
  size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) {
    const auto v = hn::LoadU(d, in + i);
    hn::StoreU(hn::IfThenElse(hn::Lt(v, limit), v, hn::Sub(white, v)), d, out + i);
  }
  for (; i < n; ++i) out[i] = static_cast<uint8_t>(in[i] < threshold ? in[i] : 255 - in[i]);
}

// 65536 L with the rounding half added; all sums are whole numbers below 2^24, so exact.
HWY_INLINE VF scaled_grey(VF r, VF g, VF b) {
  const F32 d;
  const VF rg = hn::MulAdd(r, hn::Set(d, 19595.0F), hn::Set(d, 32768.0F));
  return hn::MulAdd(b, hn::Set(d, 7471.0F), hn::MulAdd(g, hn::Set(d, 38470.0F), rg));
}

HWY_INLINE hn::Vec<I32> grey_of(VF r, VF g, VF b) {
  return hn::ShiftRight<16>(hn::ConvertTo(I32(), scaled_grey(r, g, b)));
}

uint64_t sum_grey(const uint8_t* in, size_t pixels) {
  const size_t lanes = hn::Lanes(F32());
  uint64_t total = 0;
  size_t i = 0;
  while (i + lanes <= pixels) {
    // 2^16 additions of at most 255 fit into 32 bits.
    const size_t end = HWY_MIN(pixels - lanes, i + lanes * 65536);
    auto sum = hn::Zero(I32());
    for (; i <= end; i += lanes) {
      V8 r, g, b;
      hn::LoadInterleaved3(U8(), in + 3 * i, r, g, b);
      sum = hn::Add(sum, grey_of(to_float(r), to_float(g), to_float(b)));
    }
    total += static_cast<uint32_t>(hn::GetLane(hn::SumOfLanes(I32(), sum)));
  }
  for (; i < pixels; ++i) {
    const uint8_t* p = in + 3 * i;
    total += (19595U * p[0] + 38470U * p[1] + 7471U * p[2] + 32768U) >> 16;
  }
  return total;
}

void grey(const uint8_t* in, size_t pixels, uint8_t* out) {
  each<3>(in, pixels, out, [](const uint8_t* from, uint8_t* to) HWY_ATTR {
    V8 r, g, b;
    hn::LoadInterleaved3(U8(), from, r, g, b);
    const V8 level = hn::DemoteTo(U8(), grey_of(to_float(r), to_float(g), to_float(b)));
    hn::StoreInterleaved3(level, level, level, U8(), to);
  });
}

void saturate(const uint8_t* in, size_t pixels, float factor, uint8_t* out) {
  const VF by = hn::Set(F32(), factor);
  each<3>(in, pixels, out, [by](const uint8_t* from, uint8_t* to) HWY_ATTR {
    V8 r, g, b;
    hn::LoadInterleaved3(U8(), from, r, g, b);
    const VF red = to_float(r), green = to_float(g), blue = to_float(b);
    const VF level = hn::ConvertTo(F32(), grey_of(red, green, blue));
    hn::StoreInterleaved3(to_u8(blend(level, red, by)), to_u8(blend(level, green, by)),
                          to_u8(blend(level, blue, by)), U8(), to);
  });
}

struct Hsv {
  VF h, s, v;  // whole numbers 0..255
};

// Pillow's 8-bit HSV. With x = (max - middle) / (max - min), the hue in sixths of a turn is 1 -+ x,
// 3 -+ x or 5 -+ x after the two largest channels; these float operations round like Pillow's.
HWY_INLINE Hsv to_hsv(VF r, VF g, VF b) {
  const F32 d;
  const VF one = hn::Set(d, 1.0F), white = hn::Set(d, 255.0F);
  const VF high = hn::Max(r, hn::Max(g, b)), low = hn::Min(r, hn::Min(g, b));
  const VF range = hn::Sub(high, low);
  const VF middle = hn::Sub(hn::Sub(hn::Add(hn::Add(r, g), b), high), low);
  const VF x = hn::Div(hn::Sub(high, middle), hn::Max(range, one));
  const auto red = hn::Eq(r, high), green = hn::Eq(g, high);
  // Offset and sign of x for: r >= g >= b, r >= b > g; g > r >= b, g > b > r; b > g >= r, b > r >
  // g.
  const VF of_red = hn::IfThenElse(hn::Ge(g, b), one, hn::Neg(one));
  const VF of_green = hn::IfThenElse(hn::Ge(r, b), one, hn::Set(d, 3.0F));
  const VF of_blue = hn::IfThenElse(hn::Ge(g, r), hn::Set(d, 3.0F), hn::Set(d, 5.0F));
  const VF sign_red = hn::Neg(of_red);
  const VF sign_green = hn::Sub(hn::Set(d, 2.0F), of_green);
  const VF sign_blue = hn::Sub(hn::Set(d, 4.0F), of_blue);
  const VF offset = hn::IfThenElse(red, of_red, hn::IfThenElse(green, of_green, of_blue));
  const VF sign = hn::IfThenElse(red, sign_red, hn::IfThenElse(green, sign_green, sign_blue));
  const VF sixths = hn::Add(offset, hn::Mul(sign, x));
  VF turn = hn::Div(sixths, hn::Set(d, 6.0F));
  turn = hn::Add(turn, hn::IfThenElseZero(hn::Lt(turn, hn::Zero(d)), one));
  const VF s = hn::Div(range, hn::Max(high, one));
  return {hn::Trunc(hn::Mul(turn, white)), hn::Trunc(hn::Mul(s, white)), high};
}

// round(v (1 - s (255 - w) / 255 / 255)), w the weight of the channel's primary colour, 0..255. All
// products are whole numbers below 2^24; the quotient by 65025 is corrected by its remainder.
HWY_INLINE V8 channel_of(VF v, VF s, VF w) {
  const F32 d;
  const VF divisor = hn::Set(d, 65025.0F);
  const VF part = hn::Sub(divisor, hn::Mul(s, hn::Sub(hn::Set(d, 255.0F), w)));
  const VF n = hn::Add(hn::Mul(v, part), hn::Set(d, 32512.0F));
  VF q = hn::Trunc(hn::Mul(n, hn::Set(d, 1.0F / 65026.0F)));
  const VF remainder = hn::Sub(n, hn::Mul(q, divisor));
  q = hn::Add(q, hn::IfThenElseZero(hn::Ge(remainder, divisor), hn::Set(d, 1.0F)));
  return hn::DemoteTo(U8(), hn::ConvertTo(I32(), q));
}

void turn_hue(const uint8_t* in, size_t pixels, int shift, uint8_t* out) {
  const F32 d;
  const VF by = hn::Set(d, static_cast<float>(shift)), levels = hn::Set(d, 256.0F);
  const VF zero = hn::Zero(d), white = hn::Set(d, 255.0F);
  each<3>(in, pixels, out, [&](const uint8_t* from, uint8_t* to) HWY_ATTR {
    V8 r, g, b;
    hn::LoadInterleaved3(U8(), from, r, g, b);
    const Hsv hsv = to_hsv(to_float(r), to_float(g), to_float(b));
    VF h = hn::Add(hsv.h, by);
    h = hn::Mul(hn::Sub(h, hn::IfThenElseZero(hn::Ge(h, levels), levels)), hn::Set(d, 6.0F));
    // Distance from the opposite colour (red) or from the primary colour (green, blue), 255 a
    // sixth.
    const VF red = hn::Sub(hn::Abs(hn::Sub(h, hn::Set(d, 765.0F))), white);
    const VF green = hn::Sub(hn::Set(d, 510.0F), hn::Abs(hn::Sub(h, hn::Set(d, 510.0F))));
    const VF blue = hn::Sub(hn::Set(d, 510.0F), hn::Abs(hn::Sub(h, hn::Set(d, 1020.0F))));
    const auto clamp = [&](VF x) HWY_ATTR { return hn::Min(hn::Max(x, zero), white); };
    hn::StoreInterleaved3(channel_of(hsv.v, hsv.s, clamp(red)),
                          channel_of(hsv.v, hsv.s, clamp(green)),
                          channel_of(hsv.v, hsv.s, clamp(blue)), U8(), to);
  });
}

void normalise(const uint8_t* in, size_t n, const float* scale, const float* shift, size_t period,
               float* out) {
  const size_t lanes = hn::Lanes(F32());
  size_t i = 0;
  while (i + period <= n) {
    for (size_t k = 0; k < period; k += lanes, i += lanes) {
      const VF v = to_float(hn::LoadU(U8(), in + i));
      hn::StoreU(hn::MulAdd(v, hn::LoadU(F32(), scale + k), hn::LoadU(F32(), shift + k)), F32(),
                 out + i);
    }
  }
  for (size_t k = 0; i < n; ++i, ++k) out[i] = static_cast<float>(in[i]) * scale[k] + shift[k];
}

}  // namespace vistas::vision::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vistas::vision::kernels {

HWY_EXPORT(blend_constant);
HWY_EXPORT(solarize);
HWY_EXPORT(sum_grey);
HWY_EXPORT(grey);
HWY_EXPORT(saturate);
HWY_EXPORT(turn_hue);
HWY_EXPORT(normalise);

void blend_constant(const uint8_t* in, size_t n, float degenerate, float factor, uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(blend_constant)(in, n, degenerate, factor, out);
}
void solarize(const uint8_t* in, size_t n, int threshold, uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(solarize)(in, n, threshold, out);
}
uint64_t sum_grey(const uint8_t* in, size_t pixels) {
  return HWY_DYNAMIC_DISPATCH(sum_grey)(in, pixels);
}
void grey(const uint8_t* in, size_t pixels, uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(grey)(in, pixels, out);
}
void saturate(const uint8_t* in, size_t pixels, float factor, uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(saturate)(in, pixels, factor, out);
}
void turn_hue(const uint8_t* in, size_t pixels, int shift, uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(turn_hue)(in, pixels, shift, out);
}
void normalise(const uint8_t* in, size_t n, const float* scale, const float* shift, size_t period,
               float* out) {
  HWY_DYNAMIC_DISPATCH(normalise)(in, n, scale, shift, period, out);
}

}  // namespace vistas::vision::kernels
#endif
