#include "vistas/vision/views/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "vistas/vision/views/blur_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vistas::vision::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET != HWY_SCALAR
using I16 = hn::ScalableTag<int16_t>;
using I32 = hn::Repartition<int32_t, I16>;

// Pairs (inner, outer) of the upper and lower halves of the 24-bit weights.
struct BoxWeights {
  hn::Vec<I16> upper, lower;
  hn::Vec<I32> half;
};
constexpr int kLowerBits = 12;

HWY_INLINE BoxWeights box_weights(uint32_t inner, uint32_t outer) {
  const I32 d;
  const uint32_t mask = (1U << kLowerBits) - 1;
  const auto pair = [&](uint32_t a, uint32_t b) HWY_ATTR {
    return hn::BitCast(I16(), hn::Set(d, static_cast<int32_t>(a | b << 16)));
  };
  return {pair(inner >> kLowerBits, outer >> kLowerBits), pair(inner & mask, outer & mask),
          hn::Set(d, 1 << 23)};
}

HWY_INLINE hn::Vec<I32> dot_pairs(hn::Vec<I16> a, hn::Vec<I16> b, hn::Vec<I32> sum) {
  auto odd = hn::Zero(I32());
  const auto even = hn::ReorderWidenMulAccumulate(I32(), a, b, sum, odd);
  return hn::RearrangeToOddPlusEven(even, odd);
}

// The results of pairs (sum of the middle, sum of the edges).
HWY_INLINE hn::Vec<I32> weigh(hn::Vec<I16> pairs, const BoxWeights& w) {
  const auto upper = dot_pairs(pairs, w.upper, hn::Zero(I32()));
  const auto lower = dot_pairs(pairs, w.lower, w.half);
  const hn::RebindToUnsigned<I32> du;
  const auto sum = hn::BitCast(du, hn::Add(hn::ShiftLeft<kLowerBits>(upper), lower));
  return hn::BitCast(I32(), hn::ShiftRight<24>(sum));
}

// One vector of results from position x on.
HWY_INLINE void box_block(const BoxWeights& w, const uint8_t* const* lines, int radius, size_t x,
                          uint8_t* out) {
  const I16 d;
  const hn::Rebind<uint8_t, I16> d8;
  const auto load = [&](int k) HWY_ATTR { return hn::PromoteTo(d, hn::LoadU(d8, lines[k] + x)); };
  const auto edges = hn::Add(load(0), load(2 * radius + 2));
  auto middle = load(1);
  for (int k = 2; k <= 2 * radius + 1; ++k) middle = hn::Add(middle, load(k));
  const auto low = weigh(hn::InterleaveLower(d, middle, edges), w);
  const auto high = weigh(hn::InterleaveUpper(d, middle, edges), w);
  // Narrowing puts the lanes back where interleaving took them from (x86, NEON; the tests check
  // it).
  hn::StoreU(hn::DemoteTo(d8, hn::ReorderDemote2To(d, low, high)), d8, out + x);
}
#endif

void box_line(const uint8_t* const* lines, int radius, uint32_t inner, uint32_t outer, size_t n,
              uint8_t* out) {
  size_t x = 0;
#if HWY_TARGET != HWY_SCALAR
  const size_t lanes = hn::Lanes(I16());
  const BoxWeights w = box_weights(inner, outer);
  for (; x + lanes <= n; x += lanes) box_block(w, lines, radius, x, out);
  if (x < n && n >= lanes) {  // once more up to the end, over what is there already
    box_block(w, lines, radius, n - lanes, out);
    return;
  }
#endif
  for (; x < n; ++x) {
    uint32_t middle = 0;
    for (int k = 1; k <= 2 * radius + 1; ++k) middle += lines[k][x];
    const uint32_t edges = uint32_t{lines[0][x]} + lines[2 * radius + 2][x];
    out[x] = static_cast<uint8_t>((inner * middle + outer * edges + (1U << 23)) >> 24);
  }
}

// N vectors of sums at once.
template <size_t N, class D>
HWY_INLINE void weighted_block(D d, const float* const* lines, const float* weights, size_t count,
                               size_t x, float* out) {
  const size_t lanes = hn::Lanes(d);
  hn::Vec<D> sum[N];
  for (size_t j = 0; j < N; ++j) sum[j] = hn::Zero(d);
  for (size_t k = 0; k < count; ++k) {
    const auto weight = hn::Set(d, weights[k]);
    for (size_t j = 0; j < N; ++j) {
      sum[j] = hn::Add(sum[j], hn::Mul(weight, hn::LoadU(d, lines[k] + x + j * lanes)));
    }
  }
  for (size_t j = 0; j < N; ++j) hn::StoreU(sum[j], d, out + x + j * lanes);
}

void weighted_sum(const float* const* lines, const float* weights, size_t count, size_t n,
                  float* out) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  size_t x = 0;
  for (; x + 4 * lanes <= n; x += 4 * lanes) {
    weighted_block<4>(d, lines, weights, count, x, out);
  }
  if (x + 2 * lanes <= n) {
    weighted_block<2>(d, lines, weights, count, x, out);
    x += 2 * lanes;
  }
  for (; x + lanes <= n; x += lanes) weighted_block<1>(d, lines, weights, count, x, out);
  if (x < n && n >= lanes) {  // once more up to the end, over what is there already
    weighted_block<1>(d, lines, weights, count, n - lanes, out);
  } else {
    const hn::CappedTag<float, 1> one;
    for (; x < n; ++x) weighted_block<1>(one, lines, weights, count, x, out);
  }
}

}  // namespace vistas::vision::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vistas::vision::kernels {

HWY_EXPORT(box_line);
HWY_EXPORT(weighted_sum);

void box_line(const uint8_t* const* lines, int radius, uint32_t inner, uint32_t outer, size_t n,
              uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(box_line)(lines, radius, inner, outer, n, out);
}
void weighted_sum(const float* const* lines, const float* weights, size_t count, size_t n,
                  float* out) {
  HWY_DYNAMIC_DISPATCH(weighted_sum)(lines, weights, count, n, out);
}

}  // namespace vistas::vision::kernels
#endif
