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

void apply_table(const uint8_t* in, size_t n, const uint8_t* table, uint8_t* out) {
  size_t i = 0;
#if HWY_TARGET == HWY_AVX3_DL
  // The two halves of the table, chosen by the top bit.
  const hn::ScalableTag<uint8_t> d;
  const auto t0 = hn::LoadU(d, table), t1 = hn::LoadU(d, table + 64);
  const auto t2 = hn::LoadU(d, table + 128), t3 = hn::LoadU(d, table + 192);
  for (; i + 64 <= n; i += 64) {
    const auto index = hn::LoadU(d, in + i);
    const auto low = _mm512_permutex2var_epi8(t0.raw, index.raw, t1.raw);
    const auto high = _mm512_permutex2var_epi8(t2.raw, index.raw, t3.raw);
    _mm512_storeu_si512(out + i, _mm512_mask_blend_epi8(_mm512_movepi8_mask(index.raw), low, high));
  }
#endif
  for (; i < n; ++i) out[i] = table[in[i]];
}

HWY_INLINE void blend_values(const uint8_t* in, size_t n, VF degenerate, VF factor, uint8_t* out) {
  const size_t lanes = hn::Lanes(F32());
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    hn::StoreU(to_u8(blend(degenerate, to_float(hn::LoadU(U8(), in + i)), factor)), U8(), out + i);
  }
  if (i == n) return;
  uint8_t rest[hn::MaxLanes(F32())] = {};
  std::memcpy(rest, in + i, n - i);
  hn::StoreU(to_u8(blend(degenerate, to_float(hn::LoadU(U8(), rest)), factor)), U8(), rest);
  std::memcpy(out + i, rest, n - i);
}

void blend_constant(const uint8_t* in, size_t n, float degenerate, float factor, uint8_t* out) {
  const VF level = hn::Set(F32(), degenerate), by = hn::Set(F32(), factor);
#if HWY_TARGET == HWY_AVX3_DL
  if (n > 512) {
    uint8_t table[256];
    for (int i = 0; i < 256; ++i) table[i] = static_cast<uint8_t>(i);
    blend_values(table, 256, level, by, table);
    apply_table(in, n, table, out);
    return;
  }
#endif
  blend_values(in, n, level, by, out);
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

// A vector of bytes for every four lanes of which three pixels' colours are used.
#if HWY_TARGET != HWY_SCALAR
using W32 = hn::ScalableTag<int32_t>;
using W16 = hn::Repartition<int16_t, W32>;
using W8 = hn::Repartition<uint8_t, W32>;

// Takes 3 Lanes(W32()) bytes apart so that every block of 16 bytes holds four pixels, and back.
struct Regroup {
  HWY_ALIGN int32_t apart[hn::MaxLanes(W32())];
  HWY_ALIGN int32_t together[hn::MaxLanes(W32())];

  Regroup() {
    const int32_t lanes = static_cast<int32_t>(hn::Lanes(W32()));
    for (int32_t i = 0; i < lanes; ++i) {
      apart[i] = i / 4 * 3 + HWY_MIN(i % 4, 2);
      together[i] = i < lanes / 4 * 3 ? i / 3 * 4 + i % 3 : 0;
    }
  }
};

// 16 patterns of bytes in a block, 0x80 for zero.
HWY_INLINE hn::Vec<W8> pattern(const uint8_t (&bytes)[16]) {
  return hn::LoadDup128(W8(), bytes);
}

alignas(16) constexpr uint8_t kRedGreen[16] = {0, 0x80, 1, 0x80, 3, 0x80, 4,  0x80,
                                               6, 0x80, 7, 0x80, 9, 0x80, 10, 0x80};
alignas(16) constexpr uint8_t kGreenBlue[16] = {1, 0x80, 2, 0x80, 4,  0x80, 5,  0x80,
                                                7, 0x80, 8, 0x80, 10, 0x80, 11, 0x80};
alignas(16) constexpr uint8_t kThreeTimes[16] = {0, 0,  0,  4,  4,    4,    8,    8,
                                                 8, 12, 12, 12, 0x80, 0x80, 0x80, 0x80};

struct GreyWeights {
  hn::Vec<W8> red_green, green_blue;
  hn::Vec<W16> first, second;
  hn::Vec<W32> half;
};

// Two pairs of weights, because 38470 does not fit into 16 bits: 19595 R + 19235 G and
// 19235 G + 7471 B.
HWY_INLINE GreyWeights grey_weights() {
  return {pattern(kRedGreen), pattern(kGreenBlue),
          hn::BitCast(W16(), hn::Set(W32(), 19595 | 19235 << 16)),
          hn::BitCast(W16(), hn::Set(W32(), 19235 | 7471 << 16)), hn::Set(W32(), 1 << 15)};
}

// L of the four pixels at the start of each block.
HWY_INLINE hn::Vec<W32> grey_of_blocks(hn::Vec<W8> bytes, const GreyWeights& w) {
  const auto rg = hn::BitCast(W16(), hn::TableLookupBytesOr0(bytes, w.red_green));
  const auto gb = hn::BitCast(W16(), hn::TableLookupBytesOr0(bytes, w.green_blue));
  auto odd = hn::Zero(W32());
  auto sum = hn::ReorderWidenMulAccumulate(W32(), rg, w.first, w.half, odd);
  sum = hn::ReorderWidenMulAccumulate(W32(), gb, w.second, sum, odd);
  return hn::ShiftRight<16>(hn::RearrangeToOddPlusEven(sum, odd));
}
#endif

HWY_INLINE uint32_t grey_level(const uint8_t* p) {
  return (19595U * p[0] + 38470U * p[1] + 7471U * p[2] + 32768U) >> 16;
}

uint64_t sum_grey(const uint8_t* in, size_t pixels) {
  uint64_t total = 0;
  size_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  const size_t lanes = hn::Lanes(W32());
  const Regroup regroup;
  const GreyWeights weights = grey_weights();
  const auto apart = hn::SetTableIndices(W32(), regroup.apart);
  while (3 * i + 4 * lanes <= 3 * pixels) {
    auto sum = hn::Zero(W32());
    // So many that the sum of all lanes fits into 32 bits.
    for (size_t k = 0; k < 4096 && 3 * i + 4 * lanes <= 3 * pixels; ++k, i += lanes) {
      const auto words = hn::BitCast(W32(), hn::LoadU(W8(), in + 3 * i));
      const auto blocks = hn::BitCast(W8(), hn::TableLookupLanes(words, apart));
      sum = hn::Add(sum, grey_of_blocks(blocks, weights));
    }
    total += static_cast<uint32_t>(hn::GetLane(hn::SumOfLanes(W32(), sum)));
  }
#endif
  for (; i < pixels; ++i) total += grey_level(in + 3 * i);
  return total;
}

void grey(const uint8_t* in, size_t pixels, uint8_t* out) {
  size_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  const size_t lanes = hn::Lanes(W32());
  const Regroup regroup;
  const GreyWeights weights = grey_weights();
  const auto apart = hn::SetTableIndices(W32(), regroup.apart);
  const auto together = hn::SetTableIndices(W32(), regroup.together);
  const auto three_times = pattern(kThreeTimes);
  const auto used = hn::FirstN(W32(), lanes / 4 * 3);
  for (; 3 * i + 4 * lanes <= 3 * pixels; i += lanes) {
    const auto words = hn::BitCast(W32(), hn::LoadU(W8(), in + 3 * i));
    const auto blocks = hn::BitCast(W8(), hn::TableLookupLanes(words, apart));
    const auto level = hn::BitCast(W8(), grey_of_blocks(blocks, weights));
    const auto pixel = hn::BitCast(W32(), hn::TableLookupBytesOr0(level, three_times));
    hn::BlendedStore(hn::TableLookupLanes(pixel, together), used, W32(),
                     reinterpret_cast<int32_t*>(out + 3 * i));
  }
#endif
  for (; i < pixels; ++i) {
    const uint8_t level = static_cast<uint8_t>(grey_level(in + 3 * i));
    out[3 * i] = out[3 * i + 1] = out[3 * i + 2] = level;
  }
}

// Some pixels with their channels apart. Operations work on whole vectors; what follows the last
// pixel is unspecified.
constexpr size_t kBlock = 512;
struct Planes {
  HWY_ALIGN uint8_t r[kBlock], g[kBlock], b[kBlock];
};

// Calls change(planes, number of pixels) for all pixels, block by block.
template <class Change>
HWY_INLINE void each_block(const uint8_t* in, size_t pixels, uint8_t* out, const Change& change) {
  const hn::ScalableTag<uint8_t> d;
  const size_t lanes = hn::Lanes(d);
  Planes p;
  uint8_t rest[3 * hn::MaxLanes(d)] = {};
  for (size_t begin = 0; begin < pixels; begin += kBlock) {
    const size_t n = HWY_MIN(kBlock, pixels - begin);
    const uint8_t* from = in + 3 * begin;
    uint8_t* to = out + 3 * begin;
    for (size_t i = 0; i < n; i += lanes) {
      const bool whole = i + lanes <= n;
      if (!whole) std::memcpy(rest, from + 3 * i, 3 * (n - i));
      hn::Vec<hn::ScalableTag<uint8_t>> r, g, b;
      hn::LoadInterleaved3(d, whole ? from + 3 * i : rest, r, g, b);
      hn::Store(r, d, p.r + i);
      hn::Store(g, d, p.g + i);
      hn::Store(b, d, p.b + i);
    }
    change(p, n);
    for (size_t i = 0; i < n; i += lanes) {
      const bool whole = i + lanes <= n;
      hn::StoreInterleaved3(hn::Load(d, p.r + i), hn::Load(d, p.g + i), hn::Load(d, p.b + i), d,
                            whole ? to + 3 * i : rest);
      if (!whole) std::memcpy(to + 3 * i, rest, 3 * (n - i));
    }
  }
}

// L, a whole number. All products and sums before the division by 65536 are whole and below 2^24,
// so that nothing is rounded, with or without fused multiply-add.
HWY_INLINE VF float_grey(VF r, VF g, VF b) {
  const F32 d;
  const VF red = hn::MulAdd(r, hn::Set(d, 19595.0F / 65536), hn::Set(d, 0.5F));
  const VF green = hn::MulAdd(g, hn::Set(d, 38470.0F / 65536), red);
  return hn::Trunc(hn::MulAdd(b, hn::Set(d, 7471.0F / 65536), green));
}

void saturate(const uint8_t* in, size_t pixels, float factor, uint8_t* out) {
  const U8 d;
  const VF by = hn::Set(F32(), factor);
  each_block(in, pixels, out, [&](Planes& p, size_t n) HWY_ATTR {
    for (size_t i = 0; i < n; i += hn::Lanes(d)) {
      const VF r = to_float(hn::Load(d, p.r + i));
      const VF g = to_float(hn::Load(d, p.g + i));
      const VF b = to_float(hn::Load(d, p.b + i));
      const VF level = float_grey(r, g, b);
      hn::Store(to_u8(blend(level, r, by)), d, p.r + i);
      hn::Store(to_u8(blend(level, g, by)), d, p.g + i);
      hn::Store(to_u8(blend(level, b, by)), d, p.b + i);
    }
  });
}

// What the hue depends on: max, max - min, max - middle, and twice the number of the largest
// channel (0 red, 2 green, 4 blue) with the direction towards the second largest.
struct Extremes {
  HWY_ALIGN uint8_t high[kBlock], range[kBlock], gap[kBlock], base[kBlock];
  HWY_ALIGN int8_t direction[kBlock];
};

HWY_INLINE void find_extremes(const Planes& p, size_t n, Extremes& e) {
  const hn::ScalableTag<uint8_t> d;
  const hn::RebindToSigned<hn::ScalableTag<uint8_t>> di;
  const auto one = hn::Set(d, uint8_t{1}), two = hn::Set(d, uint8_t{2}),
             four = hn::Set(d, uint8_t{4});
  const auto minus_one = hn::Set(d, uint8_t{255});
  for (size_t i = 0; i < n; i += hn::Lanes(d)) {
    const auto r = hn::Load(d, p.r + i), g = hn::Load(d, p.g + i), b = hn::Load(d, p.b + i);
    const auto larger = hn::Max(r, g), smaller = hn::Min(r, g);
    const auto high = hn::Max(larger, b), low = hn::Min(smaller, b);
    const auto middle = hn::Max(smaller, hn::Min(larger, b));
    const auto red = hn::Eq(r, high), green = hn::Eq(g, high);
    // Red to green, green to blue and blue to red count as forward.
    const auto of_red = hn::IfThenElse(hn::Eq(hn::Max(g, b), g), one, minus_one);
    const auto of_green = hn::IfThenElse(hn::Eq(hn::Max(r, b), b), one, minus_one);
    const auto of_blue = hn::IfThenElse(hn::Eq(hn::Max(r, g), r), one, minus_one);
    const auto direction = hn::IfThenElse(red, of_red, hn::IfThenElse(green, of_green, of_blue));
    hn::Store(high, d, e.high + i);
    hn::Store(hn::Sub(high, low), d, e.range + i);
    hn::Store(hn::Sub(high, middle), d, e.gap + i);
    hn::Store(hn::IfThenZeroElse(red, hn::IfThenElse(green, two, four)), d, e.base + i);
    hn::Store(hn::BitCast(di, direction), di, e.direction + i);
  }
}

struct Hsv {
  VF h, s, v;  // whole numbers 0..255
};

// Pillow's 8-bit HSV. In sixths of a turn the hue is (base + direction) - direction * gap / range;
// these float operations round as Pillow's do.
HWY_INLINE Hsv to_hsv(const Extremes& e, size_t i) {
  const F32 d;
  const hn::Rebind<int8_t, F32> di8;
  const VF one = hn::Set(d, 1.0F), white = hn::Set(d, 255.0F);
  const VF high = to_float(hn::Load(U8(), e.high + i));
  const VF range = to_float(hn::Load(U8(), e.range + i));
  const VF gap = to_float(hn::Load(U8(), e.gap + i));
  const VF base = to_float(hn::Load(U8(), e.base + i));
  const VF direction = hn::ConvertTo(d, hn::PromoteTo(I32(), hn::Load(di8, e.direction + i)));
  const VF x = hn::Div(gap, hn::Max(range, one));
  const VF sixths = hn::NegMulAdd(direction, x, hn::Add(base, direction));
  VF turn = hn::Div(sixths, hn::Set(d, 6.0F));
  turn = hn::Add(turn, hn::IfThenElseZero(hn::Lt(turn, hn::Zero(d)), one));
  const VF s = hn::Div(range, hn::Max(high, one));
  return {hn::Trunc(hn::Mul(turn, white)), hn::Trunc(hn::Mul(s, white)), high};
}

// round(v (1 - s away / 255^2)), `away` the distance 0..255 from the channel's primary colour. All
// products are whole numbers below 2^24.
HWY_INLINE V8 channel_of(VF v, VF s, VF away) {
  const F32 d;
  const VF n = hn::Mul(v, hn::NegMulAdd(s, away, hn::Set(d, 65025.0F)));
#if HWY_NATIVE_FMA
  const hn::RebindToUnsigned<I32> du;
  // Adding 1.5 * 2^23 leaves the rounded quotient in the lowest bits.
  const VF q = hn::MulAdd(n, hn::Set(d, 1.0F / 65025.0F), hn::Set(d, 12582912.0F));
  return hn::U8FromU32(hn::And(hn::BitCast(du, q), hn::Set(du, 0xFFU)));
#else
  const VF divisor = hn::Set(d, 65025.0F), numerator = hn::Add(n, hn::Set(d, 32512.0F));
  VF q = hn::Trunc(hn::Mul(numerator, hn::Set(d, 1.0F / 65026.0F)));
  const VF remainder = hn::Sub(numerator, hn::Mul(q, divisor));
  q = hn::Add(q, hn::IfThenElseZero(hn::Ge(remainder, divisor), hn::Set(d, 1.0F)));
  return hn::DemoteTo(U8(), hn::ConvertTo(I32(), q));
#endif
}

void turn_hue(const uint8_t* in, size_t pixels, int shift, uint8_t* out) {
  const F32 d;
  const VF six = hn::Set(d, 6.0F), by = hn::Set(d, static_cast<float>(6 * shift));
  const VF circle = hn::Set(d, 6.0F * 256), zero = hn::Zero(d), white = hn::Set(d, 255.0F);
  const VF yellow = hn::Set(d, 510.0F), cyan = hn::Set(d, 765.0F), blue = hn::Set(d, 1020.0F);
  Extremes e;
  each_block(in, pixels, out, [&](Planes& p, size_t n) HWY_ATTR {
    find_extremes(p, n, e);
    for (size_t i = 0; i < n; i += hn::Lanes(d)) {
      const Hsv hsv = to_hsv(e, i);
      VF h = hn::MulAdd(hsv.h, six, by);  // 255 a sixth of the colour circle
      h = hn::Sub(h, hn::IfThenElseZero(hn::Ge(h, circle), circle));
      const auto store = [&](VF away, uint8_t* to) HWY_ATTR {
        const VF clamped = hn::Min(hn::Max(away, zero), white);
        hn::Store(channel_of(hsv.v, hsv.s, clamped), U8(), to + i);
      };
      store(hn::Sub(yellow, hn::Abs(hn::Sub(h, cyan))), p.r);
      store(hn::Sub(hn::Abs(hn::Sub(h, yellow)), white), p.g);
      store(hn::Sub(hn::Abs(hn::Sub(h, blue)), white), p.b);
    }
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

HWY_EXPORT(apply_table);
HWY_EXPORT(blend_constant);
HWY_EXPORT(solarize);
HWY_EXPORT(sum_grey);
HWY_EXPORT(grey);
HWY_EXPORT(saturate);
HWY_EXPORT(turn_hue);
HWY_EXPORT(normalise);

void apply_table(const uint8_t* in, size_t n, const uint8_t* table, uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(apply_table)(in, n, table, out);
}
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
