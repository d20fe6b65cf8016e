#include "vistas/contrast/pair_kernels.h"

#include <algorithm>
#include <cmath>
#include <limits>

// Compiled once for each instruction set; Highway chooses at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "vistas/contrast/pair_kernels.cpp"
#if defined(__GNUC__)
// g++ 12 warns of its own headers.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
#undef VISTAS_BF16
#if HWY_TARGET <= HWY_AVX3 && defined(__GNUC__) && !defined(__clang__)
#define VISTAS_BF16 1
#pragma GCC push_options
#pragma GCC target("avx512bf16")
#else
#define VISTAS_BF16 0
#endif
namespace vistas::contrast {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 16>;
using V = hn::Vec<D>;

constexpr D d{};
constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(D()));
constexpr int64_t kPanel = 2 * kLanes;
constexpr int64_t kRows = HWY_TARGET <= HWY_AVX3 ? 8 : 4;  // 2 x kRows sums stay in registers

constexpr float kNothing = -std::numeric_limits<float>::infinity();

// 2^x for x <= 127 to an error of 1 ulp; 0 below 2^-126.
HWY_INLINE V exp2(V x) {
  const hn::RebindToSigned<D> di;
  x = hn::Max(hn::Set(d, -127.0f), x);
  const V whole = hn::Round(x);
  const V f = hn::Sub(x, whole);
  // Minimax of 2^f on [-1/2, 1/2], error 1.9e-9.
  V p = hn::Set(d, 1.534581242594868e-4f);
  p = hn::MulAdd(p, f, hn::Set(d, 1.3399930903688073e-3f));
  p = hn::MulAdd(p, f, hn::Set(d, 9.618489071726799e-3f));
  p = hn::MulAdd(p, f, hn::Set(d, 5.550328642129898e-2f));
  p = hn::MulAdd(p, f, hn::Set(d, 0.24022646248340607f));
  p = hn::MulAdd(p, f, hn::Set(d, 0.6931471824645996f));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0f));
  const auto exponent = hn::Add(hn::ConvertTo(di, whole), hn::Set(di, 127));
  return hn::Mul(p, hn::BitCast(d, hn::ShiftLeft<23>(exponent)));
}

// log(1 + x) for x in [0, 1] to an error of 2 ulp: 2 atanh(x / (2 + x)).
HWY_INLINE V log1p(V x) {
  const V y = hn::Div(x, hn::Add(x, hn::Set(d, 2.0f)));
  const V z = hn::Mul(y, y);
  V p = hn::Set(d, 2.0f / 15);
  for (const float c : {2.0f / 13, 2.0f / 11, 2.0f / 9, 2.0f / 7, 2.0f / 5, 2.0f / 3}) {
    p = hn::MulAdd(p, z, hn::Set(d, c));
  }
  return hn::MulAdd(hn::Mul(p, z), y, hn::Add(y, y));
}

// sums = change(sums, v) in double.
template <class Change>
HWY_INLINE void update_double(double* sums, V v, const Change& change) {
#if HWY_TARGET == HWY_SCALAR
  const hn::Rebind<double, D> dd;
  hn::StoreU(change(hn::LoadU(dd, sums), hn::PromoteTo(dd, v)), dd, sums);
#else
  const hn::Repartition<double, D> dd;
  const hn::Half<D> half;
  double* upper = sums + kLanes / 2;
  hn::StoreU(change(hn::LoadU(dd, sums), hn::PromoteTo(dd, hn::LowerHalf(half, v))), dd, sums);
  hn::StoreU(change(hn::LoadU(dd, upper), hn::PromoteTo(dd, hn::UpperHalf(half, v))), dd, upper);
#endif
}

HWY_INLINE void add_double(double* sums, V v) {
  update_double(sums, v, [](auto x, auto y) HWY_ATTR { return hn::Add(x, y); });
}

HWY_INLINE void scale_double(double* sums, V v) {
  update_double(sums, v, [](auto x, auto y) HWY_ATTR { return hn::Mul(x, y); });
}

HWY_INLINE double lane_sum(V v) {
  return static_cast<double>(hn::GetLane(hn::SumOfLanes(d, v)));
}

HWY_INLINE V sum_of_rows(const V (&v)[kRows]) {
  V sum[kRows];
  for (int64_t r = 0; r < kRows; ++r) sum[r] = v[r];
  for (int64_t n = kRows / 2; n > 0; n /= 2) {
    for (int64_t r = 0; r < n; ++r) sum[r] = hn::Add(sum[r], sum[r + n]);
  }
  return sum[0];
}

template <bool bf16>
HWY_INLINE V multiply_add(V a, V b, V sum) {
#if VISTAS_BF16
  if constexpr (bf16) return V{_mm512_dpbf16_ps(sum.raw, (__m512bh)a.raw, (__m512bh)b.raw)};
#endif
  return hn::MulAdd(a, b, sum);
}

// use(r, v, sum) receives, for kRows rows of a and the columns v kLanes ... of a panel b, the
//   sum_k a[r row + k step] b[k, column]   over words k < depth.
template <bool bf16, class Use>
HWY_INLINE void multiply(const float* a, int64_t row, int64_t step, const float* b, int64_t depth,
                         const Use& use) {
  V sum[kRows][2];
  for (int64_t r = 0; r < kRows; ++r) sum[r][0] = sum[r][1] = hn::Zero(d);
  for (int64_t k = 0; k < depth; ++k, a += step, b += kPanel) {
    const V b0 = hn::LoadU(d, b), b1 = hn::LoadU(d, b + kLanes);
    HWY_UNROLL(kRows)
    for (int64_t r = 0; r < kRows; ++r) {
      const V x = hn::Set(d, a[r * row]);
      sum[r][0] = multiply_add<bf16>(x, b0, sum[r][0]);
      sum[r][1] = multiply_add<bf16>(x, b1, sum[r][1]);
    }
  }
  for (int64_t r = 0; r < kRows; ++r) {
    use(r, 0, sum[r][0]);
    use(r, 1, sum[r][1]);
  }
}

// out [tile, width] += A B with A's words at row, step as above and B [width / panel, depth,
// panel].
template <bool bf16>
void pull(const PairTile& t, const float* a, int64_t row, int64_t step, const float* b,
          double* out) {
  const int64_t depth = bf16 ? t.tile / 2 : t.tile;
  for (int64_t r0 = 0; r0 < t.tile; r0 += kRows) {
    for (int64_t c = 0; c < t.width; c += kPanel) {
      double* place = out + r0 * t.width + c;
      multiply<bf16>(a + r0 * row, row, step, b + c * depth, depth,
                     [&](int64_t r, int64_t v, V sum)
                         HWY_ATTR { add_double(place + r * t.width + v * kLanes, sum); });
    }
  }
}

// s [kRows, tile] of the rows from r0 on, in powers of two.
template <bool bf16>
HWY_INLINE void logits(const PairTile& t, int64_t r0, float* s) {
  const int64_t words = bf16 ? t.width / 2 : t.width;
  const V scale = hn::Set(d, t.scale), bias = hn::Set(d, t.bias);
  for (int64_t c = 0; c < t.tile; c += kPanel) {
    multiply<bf16>(t.x_lines + r0 * words, words, 1, t.y_across + c * words, words,
                   [&](int64_t r, int64_t v, V sum) HWY_ATTR {
                     hn::StoreU(hn::MulAdd(sum, scale, bias), d, s + r * t.tile + c + v * kLanes);
                   });
  }
}

void leave_out(const PairTile& t, int64_t r0, float* s) {
  const LeftOut& out = *t.left_out;
  const int64_t columns = std::clamp<int64_t>(out.columns - t.column, 0, t.tile);
  for (int64_t r = 0; r < kRows; ++r, s += t.tile) {
    const int64_t i = t.row + r0 + r;
    if (i >= out.rows) {
      std::fill(s, s + t.tile, kNothing);
      continue;
    }
    std::fill(s + columns, s + t.tile, kNothing);
    for (const int64_t diagonal : out.diagonals) {
      const int64_t j = i + diagonal - t.column;
      if (j >= 0 && j < columns) s[j] = kNothing;
    }
    if (out.row_group == nullptr) continue;
    for (int64_t j = 0; j < columns; ++j) {
      if (out.column_group[t.column + j] == out.row_group[i]) s[j] = kNothing;
    }
  }
}

// Raises the shifts of kRows rows to the largest logits in s and scales their sums to match.
HWY_INLINE void raise_row_shifts(const PairTile& t, int64_t r0, const float* s) {
  for (int64_t r = 0; r < kRows; ++r) {
    V most = hn::Set(d, kNothing);
    for (int64_t c = 0; c < t.tile; c += kLanes) {
      most = hn::Max(most, hn::LoadU(d, s + r * t.tile + c));
    }
    const float top = std::ceil(hn::GetLane(hn::MaxOfLanes(d, most)));
    float& shift = t.row_shift[r0 + r];
    if (!(top > shift)) continue;
    const double factor = std::exp2(static_cast<double>(shift) - static_cast<double>(top));
    shift = top;
    t.row_sum[r0 + r] *= factor;
    if (t.x_pull == nullptr) continue;
    for (int64_t c = 0; c < t.width; ++c) t.x_pull[(r0 + r) * t.width + c] *= factor;
  }
}

// Row sums of 2^s, kept in s where `keep`, and column sums where wanted.
template <bool shifted, bool keep>
HWY_INLINE void sum_strip(const PairTile& t, int64_t r0, float* s) {
  if constexpr (shifted) raise_row_shifts(t, r0, s);
  V row[kRows];
  for (int64_t r = 0; r < kRows; ++r) row[r] = hn::Zero(d);
  for (int64_t c = 0; c < t.tile; c += kLanes) {
    V e[kRows];
    for (int64_t r = 0; r < kRows; ++r) {
      V x = hn::LoadU(d, s + r * t.tile + c);
      if constexpr (shifted) x = hn::Sub(x, hn::Set(d, t.row_shift[r0 + r]));
      e[r] = exp2(x);
      row[r] = hn::Add(row[r], e[r]);
      if constexpr (keep) hn::StoreU(e[r], d, s + r * t.tile + c);
    }
    if (t.column_sum == nullptr) continue;
    if constexpr (shifted) {
      const V before = hn::LoadU(d, t.column_shift + c);
      V shift = before;
      for (int64_t r = 0; r < kRows; ++r) {
        shift = hn::Max(shift, hn::Ceil(hn::LoadU(d, s + r * t.tile + c)));
      }
      hn::StoreU(shift, d, t.column_shift + c);
      scale_double(t.column_sum + c, exp2(hn::Sub(before, shift)));
      for (int64_t r = 0; r < kRows; ++r) {
        e[r] = exp2(hn::Sub(hn::LoadU(d, s + r * t.tile + c), shift));
      }
    }
    add_double(t.column_sum + c, sum_of_rows(e));
  }
  for (int64_t r = 0; r < kRows; ++r) {
    t.row_sum[r0 + r] += lane_sum(row[r]);
  }
}

// s becomes 2^s (row weight + column weight), the powers with the shifts of the weights.
template <bool shifted>
HWY_INLINE void softmax_strip(const PairTile& t, int64_t r0, float* s) {
  for (int64_t c = 0; c < t.tile; c += kLanes) {
    const V column = hn::LoadU(d, t.column_weight + c);
    for (int64_t r = 0; r < kRows; ++r) {
      float* place = s + r * t.tile + c;
      const V x = hn::LoadU(d, place);
      const V weight = hn::Set(d, t.row_weight[r0 + r]);
      if constexpr (shifted) {
        const V by_row = exp2(hn::Sub(x, hn::Set(d, t.row_shift[r0 + r])));
        const V by_column = exp2(hn::Sub(x, hn::LoadU(d, t.column_shift + c)));
        hn::StoreU(hn::MulAdd(by_row, weight, hn::Mul(by_column, column)), d, place);
      } else {
        hn::StoreU(hn::Mul(exp2(x), hn::Add(weight, column)), d, place);
      }
    }
  }
}

// s becomes the logistic function of s ln 2, and the sums of its integral are added.
HWY_INLINE void sigmoid_strip(const PairTile& t, int64_t r0, float* s) {
  for (int64_t r = 0; r < kRows; ++r) {
    V sum = hn::Zero(d), weights = sum;
    for (int64_t c = 0; c < t.tile; c += kLanes) {
      float* place = s + r * t.tile + c;
      const V x = hn::LoadU(d, place);
      const V small = exp2(hn::Neg(hn::Abs(x)));
      const V inverse = hn::Div(hn::Set(d, 1.0f), hn::Add(small, hn::Set(d, 1.0f)));
      const auto positive = hn::Gt(x, hn::Zero(d));
      const V weight = hn::IfThenElse(positive, inverse, hn::Mul(small, inverse));
      hn::StoreU(weight, d, place);
      weights = hn::Add(weights, weight);
      const V linear = hn::IfThenElseZero(positive, hn::Mul(x, hn::Set(d, 0.693147180559945f)));
      sum = hn::Add(sum, hn::Add(linear, log1p(small)));
    }
    t.row_sum[r0 + r] += lane_sum(sum);
    t.weight_sum[r0 + r] += lane_sum(weights);
  }
}

template <bool shifted>
HWY_INLINE void strip_of(PairWork work, const PairTile& t, int64_t r0, float* s) {
  switch (work) {
    case PairWork::log_sums:
      return sum_strip<shifted, false>(t, r0, s);
    case PairWork::attend:
      return sum_strip<shifted, true>(t, r0, s);
    case PairWork::softmax:
      return softmax_strip<shifted>(t, r0, s);
    case PairWork::sigmoid:
      return sigmoid_strip(t, r0, s);
  }
}

#if VISTAS_BF16
// The strip s rounded, once as pairs of neighbours in a row and once as pairs in a column.
void round_strip(const PairTile& t, const float* s, float* row_pairs, float* column_pairs) {
  for (int64_t r = 0; r < kRows; r += 2) {
    for (int64_t c = 0; c < t.tile; c += kLanes) {
      const __m256i even = (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(s + r * t.tile + c));
      const __m256i odd = (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(s + (r + 1) * t.tile + c));
      float* place = row_pairs + (r * t.tile + c) / 2;
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(place), even);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(place + t.tile / 2), odd);
      const __m512i high = _mm512_slli_epi32(_mm512_cvtepu16_epi32(odd), 16);
      _mm512_storeu_si512(column_pairs + r / 2 * t.tile + c,
                          _mm512_or_si512(_mm512_cvtepu16_epi32(even), high));
    }
  }
}

void run_bf16(PairWork work, const PairTile& t) {
  float* strip = t.scratch;
  float* row_pairs = strip + kRows * t.tile;
  float* column_pairs = row_pairs + t.tile * t.tile / 2;
  for (int64_t r0 = 0; r0 < t.tile; r0 += kRows) {
    logits<true>(t, r0, strip);
    leave_out(t, r0, strip);
    t.shifted ? strip_of<true>(work, t, r0, strip) : strip_of<false>(work, t, r0, strip);
    if (t.x_pull == nullptr && t.y_pull == nullptr) continue;
    round_strip(t, strip, row_pairs + r0 * t.tile / 2, column_pairs + r0 * t.tile / 2);
  }
  if (t.x_pull != nullptr) pull<true>(t, row_pairs, t.tile / 2, 1, t.y_along, t.x_pull);
  if (t.y_pull != nullptr) pull<true>(t, column_pairs, 1, t.tile, t.x_along, t.y_pull);
}
#else
void run_bf16(PairWork, const PairTile&) {}
#endif

void run_float(PairWork work, const PairTile& t) {
  float* weights = t.scratch;
  for (int64_t r0 = 0; r0 < t.tile; r0 += kRows) {
    float* strip = weights + r0 * t.tile;
    logits<false>(t, r0, strip);
    leave_out(t, r0, strip);
    t.shifted ? strip_of<true>(work, t, r0, strip) : strip_of<false>(work, t, r0, strip);
  }
  if (t.x_pull != nullptr) pull<false>(t, weights, t.tile, 1, t.y_along, t.x_pull);
  if (t.y_pull != nullptr) pull<false>(t, weights, 1, t.tile, t.x_along, t.y_pull);
}

void run_tile(PairWork work, const PairTile& tile) {
  tile.bf16 ? run_bf16(work, tile) : run_float(work, tile);
}

int64_t panel() {
  return kPanel;
}

bool bf16_products() {
#if VISTAS_BF16
  return __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace vistas::contrast
#if VISTAS_BF16
#pragma GCC pop_options
#endif
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vistas::contrast {

HWY_EXPORT(run_tile);
HWY_EXPORT(panel);
HWY_EXPORT(bf16_products);

int64_t scratch_words(int64_t tile) {
  constexpr int64_t kMostRows = 8;
  return tile * (tile + kMostRows);
}

void run_pair_tile(PairWork work, const PairTile& tile) {
  HWY_DYNAMIC_DISPATCH(run_tile)(work, tile);
}

int64_t panel_columns() {
  return HWY_DYNAMIC_DISPATCH(panel)();
}

bool has_bf16_products() {
  return HWY_DYNAMIC_DISPATCH(bf16_products)();
}

}  // namespace vistas::contrast
#endif
