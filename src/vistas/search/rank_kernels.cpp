#include "vistas/search/rank_kernels.h"

#include <cstring>

// Compiled once for each instruction set; Highway chooses at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "vistas/search/rank_kernels.cpp"
#if defined(__GNUC__)
// g++ 12 warns of its own headers.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vistas::search {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 16>;
using V = hn::Vec<D>;

constexpr D d{};
constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(D()));
constexpr int64_t kPanel = 2 * kLanes;
constexpr int64_t kRows = HWY_TARGET <= HWY_AVX3 ? 12 : 4;  // 2 x kRows sums stay in registers

int64_t panel_queries() {
  return kPanel;
}

int64_t group_rows() {
  return kRows;
}

HWY_INLINE uint32_t bits_of(hn::Mask<D> mask) {
  uint8_t bytes[8] = {};
  hn::StoreMaskBits(d, mask, bytes);
  uint32_t bits;
  std::memcpy(&bits, bytes, sizeof bits);
  return bits;
}

bool rank_tile(const RankTile& t) {
  V sum[kRows][2];
  for (int64_t r = 0; r < kRows; ++r) sum[r][0] = sum[r][1] = hn::Zero(d);
  const float *panel = t.panel, *row = t.rows;
  for (int64_t k = 0; k < t.width; ++k, panel += kPanel, ++row) {
    const V q0 = hn::LoadU(d, panel), q1 = hn::LoadU(d, panel + kLanes);
    HWY_UNROLL(kRows)
    for (int64_t r = 0; r < kRows; ++r) {
      const V x = hn::Set(d, row[r * t.stride]);
      sum[r][0] = hn::MulAdd(x, q0, sum[r][0]);
      sum[r][1] = hn::MulAdd(x, q1, sum[r][1]);
    }
  }
  const V low0 = hn::LoadU(d, t.thresholds), low1 = hn::LoadU(d, t.thresholds + kLanes);
  bool any = false;
  HWY_UNROLL(kRows)
  for (int64_t r = 0; r < kRows; ++r) {
    const V scale = hn::Set(d, t.scale[r * t.step]), shift = hn::Set(d, t.shift[r * t.step]);
    const V rank0 = hn::MulAdd(sum[r][0], scale, shift);
    const V rank1 = hn::MulAdd(sum[r][1], scale, shift);
    const auto hit0 = hn::Not(hn::Lt(rank0, low0)), hit1 = hn::Not(hn::Lt(rank1, low1));
    t.hits[r] = 0;
    if (hn::AllFalse(d, hn::Or(hit0, hit1))) continue;
    hn::StoreU(rank0, d, t.ranks + r * kPanel);
    hn::StoreU(rank1, d, t.ranks + r * kPanel + kLanes);
    t.hits[r] = bits_of(hit0) | bits_of(hit1) << kLanes;
    any = true;
  }
  return any;
}

}  // namespace HWY_NAMESPACE
}  // namespace vistas::search
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vistas::search {

HWY_EXPORT(panel_queries);
HWY_EXPORT(group_rows);
HWY_EXPORT(rank_tile);

int64_t panel_queries() {
  return HWY_DYNAMIC_DISPATCH(panel_queries)();
}

int64_t group_rows() {
  return HWY_DYNAMIC_DISPATCH(group_rows)();
}

bool rank_tile(const RankTile& tile) {
  return HWY_DYNAMIC_DISPATCH(rank_tile)(tile);
}

}  // namespace vistas::search
#endif
