#include "vistas/vision/views/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "vistas/vision/views/blur_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vistas::vision::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET != HWY_SCALAR
using U16 = hn::ScalableTag<uint16_t>;
using U32 = hn::Repartition<uint32_t, U16>;

struct BoxWeights {
  hn::Vec<U32> inner, outer, half;
};

// One vector of results from position x on.
HWY_INLINE void box_block(const BoxWeights& w, const uint8_t* const* lines, int radius, size_t x,
                          uint8_t* out) {
  const U16 d16;
  const hn::Half<U16> d16_half;
  const U32 d32;
  const hn::Rebind<uint8_t, U16> d8;
  const hn::RebindToSigned<U16> d16_signed;
  const hn::Half<hn::RebindToSigned<U16>> d16_signed_half;
  const auto load = [&](int k) HWY_ATTR { return hn::PromoteTo(d16, hn::LoadU(d8, lines[k] + x)); };
  const auto edges = hn::Add(load(0), load(2 * radius + 2));
  auto middle = load(1);
  for (int k = 2; k <= 2 * radius + 1; ++k) middle = hn::Add(middle, load(k));
  const auto weigh = [&](auto m, auto e) HWY_ATTR {
    const auto sum =
        hn::Add(hn::Mul(hn::PromoteTo(d32, m), w.inner), hn::Mul(hn::PromoteTo(d32, e), w.outer));
    const auto level = hn::ShiftRight<24>(hn::Add(sum, w.half));
    return hn::DemoteTo(d16_signed_half, hn::BitCast(hn::RebindToSigned<U32>(), level));
  };
  const auto low = weigh(hn::LowerHalf(middle), hn::LowerHalf(edges));
  const auto high = weigh(hn::UpperHalf(d16_half, middle), hn::UpperHalf(d16_half, edges));
  hn::StoreU(hn::DemoteTo(d8, hn::Combine(d16_signed, high, low)), d8, out + x);
}
#endif

void box_line(const uint8_t* const* lines, int radius, uint32_t inner, uint32_t outer, size_t n,
              uint8_t* out) {
  size_t x = 0;
#if HWY_TARGET != HWY_SCALAR
  const size_t lanes = hn::Lanes(U16());
  const BoxWeights w{hn::Set(U32(), inner), hn::Set(U32(), outer), hn::Set(U32(), 1U << 23)};
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

}  // namespace vistas::vision::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vistas::vision::kernels {

HWY_EXPORT(box_line);

void box_line(const uint8_t* const* lines, int radius, uint32_t inner, uint32_t outer, size_t n,
              uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(box_line)(lines, radius, inner, outer, n, out);
}

}  // namespace vistas::vision::kernels
#endif
