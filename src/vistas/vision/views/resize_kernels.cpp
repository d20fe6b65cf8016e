#include <algorithm>
#include <cstring>

#include "vistas/vision/views/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "vistas/vision/views/resize_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vistas::vision::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int kBits = 22;

#if HWY_TARGET == HWY_SCALAR
void resize_across_rgb(const uint8_t* in, size_t in_row, int, int rows, const AcrossTaps& taps,
                       std::vector<uint8_t>&, uint8_t* out, size_t out_row) {
  for (int y = 0; y < rows; ++y, in += in_row, out += out_row) {
    for (int i = 0; i < 3 * taps.outputs; ++i) {
      const int x = i / 3;
      int32_t sum = 1 << (kBits - 1);
      for (int k = 0; k < taps.count; ++k) {
        sum += taps.weights[x * taps.count + k] * in[(taps.first[x] + k) * 3 + i % 3];
      }
      out[i] = static_cast<uint8_t>(std::clamp(sum >> kBits, 0, 255));
    }
  }
}
#else
// A row for each block of 16 bytes.
#if HWY_HAVE_SCALABLE
using I32 = hn::FixedTag<int32_t, 4>;
#else
using I32 = hn::CappedTag<int32_t, 16>;
#endif
using Bytes = hn::Repartition<uint8_t, I32>;
constexpr size_t kRows = hn::MaxLanes(I32()) / 4;
constexpr int kTapsOfLoad = 5;  // pixels of 3 bytes in a block

// 16 bytes of each row.
template <class D>
HWY_INLINE hn::Vec<D> load_rows(D d, const uint8_t* const* rows, size_t offset) {
  if constexpr (hn::MaxLanes(d) == 16) {
    return hn::LoadU(d, rows[0] + offset);
  } else {
    const hn::Half<D> half;
    return hn::Combine(d, load_rows(half, rows + hn::MaxLanes(half) / 16, offset),
                       load_rows(half, rows, offset));
  }
}

// Writes the result of each row's pixel: kBytes = 4 bytes, of which three count, or 3.
template <size_t kBytes>
HWY_INLINE void store_rows(hn::Vec<I32> sum, uint8_t* const (&outs)[kRows], size_t offset) {
  const hn::Rebind<uint8_t, I32> d8;
  HWY_ALIGN uint8_t bytes[hn::MaxLanes(I32())];
  hn::Store(hn::DemoteTo(d8, hn::ShiftRight<kBits>(sum)), d8, bytes);
  for (size_t r = 0; r < kRows; ++r) std::memcpy(outs[r] + offset, bytes + 4 * r, kBytes);
}

// One group of rows, which may name the same row twice. Reads up to 16 bytes from the last tap on.
HWY_INLINE void across_group(const uint8_t* const (&rows)[kRows], uint8_t* const (&outs)[kRows],
                             const AcrossTaps& taps) {
  const I32 d;
  const Bytes d8;
  alignas(16) uint8_t patterns[kTapsOfLoad][16];
  hn::Vec<Bytes> pick[kTapsOfLoad];
  for (int k = 0; k < kTapsOfLoad; ++k) {
    for (int i = 0; i < 16; ++i) {
      const bool used = i % 4 == 0 && i < 12;
      patterns[k][i] = static_cast<uint8_t>(used ? 3 * k + i / 4 : 0x80);
    }
    pick[k] = hn::LoadDup128(d8, patterns[k]);
  }
  const auto half = hn::Set(d, 1 << (kBits - 1));
  const int32_t* weights = taps.weights;
  for (int x = 0; x < taps.outputs; ++x, weights += taps.count) {
    auto sum = half;
    size_t offset = static_cast<size_t>(taps.first[x]) * 3;
    for (int k = 0; k < taps.count; k += kTapsOfLoad, offset += 3 * kTapsOfLoad) {
      const auto bytes = load_rows(d8, rows, offset);
      const auto add = [&](int j) HWY_ATTR {
        const auto pixel = hn::BitCast(d, hn::TableLookupBytesOr0(bytes, pick[j]));
        sum = hn::Add(sum, hn::Mul(pixel, hn::Set(d, weights[k + j])));
      };
      const int left = taps.count - k;
      add(0);
      if (left > 1) add(1);
      if (left > 2) add(2);
      if (left > 3) add(3);
      if (left > 4) add(4);
    }
    const size_t to = static_cast<size_t>(x) * 3;
    if (x + 1 < taps.outputs) {
      store_rows<4>(sum, outs, to);  // the next pixel overwrites the fourth byte
    } else {
      store_rows<3>(sum, outs, to);
    }
  }
}

void resize_across_rgb(const uint8_t* in, size_t in_row, int in_width, int rows,
                       const AcrossTaps& taps, std::vector<uint8_t>& copy, uint8_t* out,
                       size_t out_row) {
  // A group reads past the end of its rows; the last rows are read from a copy.
  constexpr size_t kSlack = 16;
  const size_t used = static_cast<size_t>(in_width) * 3;
  const int copied = std::min(rows, static_cast<int>(kSlack / in_row) + 1);
  const size_t copy_row = used + kSlack;
  copy.resize(copy_row * static_cast<size_t>(copied));
  for (int i = 0; i < copied; ++i) {
    std::memcpy(copy.data() + static_cast<size_t>(i) * copy_row,
                in + static_cast<size_t>(rows - copied + i) * in_row, used);
  }
  for (int y = 0; y < rows; y += static_cast<int>(kRows)) {
    const uint8_t* from[kRows];
    uint8_t* to[kRows];
    for (size_t r = 0; r < kRows; ++r) {
      const int row = std::min(y + static_cast<int>(r), rows - 1);
      const int in_copy = row - (rows - copied);
      from[r] = in_copy >= 0 ? copy.data() + static_cast<size_t>(in_copy) * copy_row
                             : in + static_cast<size_t>(row) * in_row;
      to[r] = out + static_cast<size_t>(row) * out_row;
    }
    across_group(from, to, taps);
  }
}
#endif

// The lanes are outputs: each reads four pixels from its own place on.
void resize_across_grey(const uint8_t* in, size_t in_row, int in_width, int rows,
                        const AcrossTaps& taps, GreyMemory& memory, uint8_t* out, size_t out_row) {
  const hn::ScalableTag<int32_t> d;
  const hn::Rebind<uint8_t, decltype(d)> d8;
  const auto half = hn::Set(d, 1 << (kBits - 1)), low = hn::Set(d, 255);
  const size_t lanes = hn::Lanes(d), outputs = static_cast<size_t>(taps.outputs);
  const size_t padded = hwy::RoundUpTo(outputs, lanes);
  const size_t count = static_cast<size_t>(taps.count), fours = hwy::RoundUpTo(count, 4);
  memory.line.resize(static_cast<size_t>(in_width) + 4);
  memory.first.assign(padded, 0);
  std::copy_n(taps.first, outputs, memory.first.begin());
  memory.weights.assign(fours * padded, 0);  // of the first tap, of the second tap ..
  for (size_t x = 0; x < outputs; ++x) {
    for (size_t k = 0; k < count; ++k) memory.weights[k * padded + x] = taps.weights[x * count + k];
  }
  memory.result.resize(padded);
  for (int y = 0; y < rows; ++y, in += in_row, out += out_row) {
    std::memcpy(memory.line.data(), in, static_cast<size_t>(in_width));
    for (size_t x = 0; x < padded; x += lanes) {
      auto sum = half;
      const auto first = hn::LoadU(d, memory.first.data() + x);
      const int32_t* weights = memory.weights.data() + x;
      for (size_t k = 0; k < fours; k += 4, weights += 4 * padded) {
        const auto* from = reinterpret_cast<const int32_t*>(memory.line.data() + k);
        const auto pixels = hn::GatherOffset(d, from, first);
        const auto add = [&](auto pixel, size_t j) HWY_ATTR {
          sum = hn::Add(sum, hn::Mul(hn::And(pixel, low), hn::LoadU(d, weights + j * padded)));
        };
        add(pixels, 0);
        add(hn::ShiftRight<8>(pixels), 1);
        add(hn::ShiftRight<16>(pixels), 2);
        add(hn::ShiftRight<24>(pixels), 3);
      }
      hn::StoreU(hn::DemoteTo(d8, hn::ShiftRight<kBits>(sum)), d8, memory.result.data() + x);
    }
    std::memcpy(out, memory.result.data(), outputs);
  }
}

// N vectors of sums at once, so that the weights are loaded once for all.
template <size_t N, class D>
HWY_INLINE void down_block(D d, const uint8_t* in, size_t in_row, const int32_t* weights, int count,
                           uint8_t* out) {
  const hn::Rebind<uint8_t, D> d8;
  const size_t lanes = hn::Lanes(d);
  hn::Vec<D> sum[N];
  for (size_t j = 0; j < N; ++j) sum[j] = hn::Set(d, 1 << (kBits - 1));
  for (int k = 0; k < count; ++k, in += in_row) {
    const auto weight = hn::Set(d, weights[k]);
    for (size_t j = 0; j < N; ++j) {
      const auto pixels = hn::PromoteTo(d, hn::LoadU(d8, in + j * lanes));
      sum[j] = hn::Add(sum[j], hn::Mul(pixels, weight));
    }
  }
  for (size_t j = 0; j < N; ++j) {
    hn::StoreU(hn::DemoteTo(d8, hn::ShiftRight<kBits>(sum[j])), d8, out + j * lanes);
  }
}

void resize_down(const uint8_t* in, size_t in_row, const int32_t* weights, int count, size_t n,
                 uint8_t* out) {
  const hn::ScalableTag<int32_t> d;
  const size_t lanes = hn::Lanes(d);
  size_t x = 0;
  for (; x + 4 * lanes <= n; x += 4 * lanes) {
    down_block<4>(d, in + x, in_row, weights, count, out + x);
  }
  for (; x + lanes <= n; x += lanes) down_block<1>(d, in + x, in_row, weights, count, out + x);
  if (x < n && n >= lanes) {  // once more up to the end, over what is there already
    down_block<1>(d, in + n - lanes, in_row, weights, count, out + n - lanes);
  } else {
    const hn::CappedTag<int32_t, 1> one;
    for (; x < n; ++x) down_block<1>(one, in + x, in_row, weights, count, out + x);
  }
}

}  // namespace vistas::vision::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vistas::vision::kernels {

HWY_EXPORT(resize_across_rgb);
HWY_EXPORT(resize_across_grey);
HWY_EXPORT(resize_down);

void resize_across_rgb(const uint8_t* in, size_t in_row, int in_width, int rows,
                       const AcrossTaps& taps, std::vector<uint8_t>& copy, uint8_t* out,
                       size_t out_row) {
  HWY_DYNAMIC_DISPATCH(resize_across_rgb)(in, in_row, in_width, rows, taps, copy, out, out_row);
}
void resize_across_grey(const uint8_t* in, size_t in_row, int in_width, int rows,
                        const AcrossTaps& taps, GreyMemory& memory, uint8_t* out, size_t out_row) {
  HWY_DYNAMIC_DISPATCH(resize_across_grey)(in, in_row, in_width, rows, taps, memory, out, out_row);
}
void resize_down(const uint8_t* in, size_t in_row, const int32_t* weights, int count, size_t n,
                 uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(resize_down)(in, in_row, weights, count, n, out);
}

}  // namespace vistas::vision::kernels
#endif
