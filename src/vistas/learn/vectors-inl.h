// Vectors of float32 and bfloat16 for kernels that Highway compiles for each instruction set.
#if defined(VISTAS_LEARN_VECTORS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef VISTAS_LEARN_VECTORS_INL_H
#undef VISTAS_LEARN_VECTORS_INL_H
#else
#define VISTAS_LEARN_VECTORS_INL_H
#endif

#include <c10/util/BFloat16.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vistas::learn {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Channels come in multiples of 16, so shorter vectors divide them too.
using D = hn::CappedTag<float, 16>;
using V = hn::Vec<D>;

HWY_INLINE V load(const float* p) {
  return hn::LoadU(D(), p);
}

HWY_INLINE V load(const at::BFloat16* p) {
  const hn::Rebind<uint32_t, D> d32;
  const hn::Rebind<uint16_t, D> d16;
  const auto half = hn::LoadU(d16, reinterpret_cast<const uint16_t*>(p));
  return hn::BitCast(D(), hn::ShiftLeft<16>(hn::PromoteTo(d32, half)));
}

HWY_INLINE void store(V v, float* p) {
  hn::StoreU(v, D(), p);
}

// Rounds to nearest, ties to even; NaN stays NaN.
HWY_INLINE void store(V v, at::BFloat16* p) {
  const hn::Rebind<uint32_t, D> d32;
  const hn::Rebind<uint16_t, D> d16;
  const auto w = hn::BitCast(d32, v);
  const auto odd = hn::And(hn::ShiftRight<16>(w), hn::Set(d32, 1));
  const auto rounded = hn::ShiftRight<16>(hn::Add(hn::Add(w, hn::Set(d32, 0x7fff)), odd));
  const auto nan = hn::RebindMask(d32, hn::IsNaN(v));
  const auto chosen = hn::IfThenElse(nan, hn::Set(d32, 0x7fc0), rounded);
  hn::StoreU(hn::TruncateTo(d16, chosen), d16, reinterpret_cast<uint16_t*>(p));
}

}  // namespace HWY_NAMESPACE
}  // namespace vistas::learn
HWY_AFTER_NAMESPACE();

#endif
