#include "vistas/learn/symmetric_product_kernels.h"

#include <algorithm>

// Compiled once for each instruction set; Highway chooses at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "vistas/learn/symmetric_product_kernels.cpp"
#if defined(__GNUC__)
// g++ 12 warns of its own headers.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "vistas/learn/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vistas::learn {
namespace HWY_NAMESPACE {

constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(D()));
constexpr int64_t kAhead = 8;  // rows that are fetched before they are needed

// kVectors vectors of row r of y, from column `first` on.
template <int64_t kVectors, class T>
HWY_INLINE void multiply_part(const ProductRows<T>& p, int64_t r, int64_t first) {
  constexpr int64_t kLine = 64 / sizeof(T);
  V sum[kVectors];
  for (int64_t v = 0; v < kVectors; ++v) sum[v] = hn::Zero(D());
  const int64_t last = p.starts[p.end] - 1;
  for (int64_t k = p.starts[r]; k < p.starts[r + 1]; ++k) {
    const T* next = p.x + p.columns[std::min(k + kAhead, last)] * p.width + first;
    for (int64_t c = 0; c < kVectors * kLanes; c += kLine) hwy::Prefetch(next + c);
    const T* row = p.x + p.columns[k] * p.width + first;
    const V value = hn::Set(D(), p.values[k]);
    for (int64_t v = 0; v < kVectors; ++v) {
      sum[v] = hn::MulAdd(value, load(row + v * kLanes), sum[v]);
    }
  }
  T* out = p.y + r * p.width + first;
  for (int64_t v = 0; v < kVectors; ++v) store(sum[v], out + v * kLanes);
}

template <class T>
void multiply(const ProductRows<T>& p) {
  constexpr int64_t kWide = 4 * kLanes;
  for (int64_t r = p.begin; r < p.end; ++r) {
    int64_t c = 0;
    for (; c + kWide <= p.width; c += kWide) multiply_part<4>(p, r, c);
    for (; c < p.width; c += kLanes) multiply_part<1>(p, r, c);
  }
}

void multiply_floats(const ProductRows<float>& p) {
  multiply(p);
}

void multiply_halves(const ProductRows<at::BFloat16>& p) {
  multiply(p);
}

}  // namespace HWY_NAMESPACE
}  // namespace vistas::learn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vistas::learn {

HWY_EXPORT(multiply_floats);
HWY_EXPORT(multiply_halves);

void multiply_rows(const ProductRows<float>& rows) {
  HWY_DYNAMIC_DISPATCH(multiply_floats)(rows);
}

void multiply_rows(const ProductRows<at::BFloat16>& rows) {
  HWY_DYNAMIC_DISPATCH(multiply_halves)(rows);
}

void multiply_rows(const ProductRows<double>& p) {
  for (int64_t r = p.begin; r < p.end; ++r) {
    double* sum = p.y + r * p.width;
    std::fill_n(sum, p.width, 0.0);
    for (int64_t k = p.starts[r]; k < p.starts[r + 1]; ++k) {
      const double* row = p.x + p.columns[k] * p.width;
      for (int64_t c = 0; c < p.width; ++c) sum[c] += double{p.values[k]} * row[c];
    }
  }
}

}  // namespace vistas::learn
#endif
