#include "vistas/learn/batch_norm_kernels.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>

// Compiled once for each instruction set; Highway chooses at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "vistas/learn/batch_norm_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "vistas/learn/vectors-inl.h"

#ifndef VISTAS_NORM_BLOCK
#define VISTAS_NORM_BLOCK
namespace vistas::learn {

enum class MaskKind { everywhere, output_positive, input_positive };

// What one kernel call works on: `rows` rows of channels of every tensor. Unused pointers are null.
struct NormBlock {
  int64_t rows, channels;
  bool bf16;
  const void *x, *grad, *other;  // other: residual, or the output whose sign is the mask
  void* out;
  const float *a, *b, *c;  // one value a channel, see the kernels
  const float *scale, *shift;
  float *sum1, *sum2;
  bool relu;
  MaskKind mask;
};

}  // namespace vistas::learn
#endif

HWY_BEFORE_NAMESPACE();
namespace vistas::learn {
namespace HWY_NAMESPACE {

// step(offset, channel) for every vector of every row.
template <class Step>
HWY_INLINE void for_vectors(const NormBlock& block, const Step& step) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(D()));
  int64_t offset = 0;
  for (int64_t r = 0; r < block.rows; ++r) {
    for (int64_t c = 0; c < block.channels; c += lanes, offset += lanes) step(offset, c);
  }
}

// Two sums over the rows: step(offset, channel, sum1, sum2) adds the vector at `offset`. Four rows
// have sums of their own, so that additions do not wait for each other.
template <class Step>
HWY_INLINE void sum_vectors(const NormBlock& block, const Step& step) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(D()));
  const int64_t channels = block.channels;
  for (int64_t c = 0; c < channels; c += lanes) {
    V a0 = hn::Zero(D()), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    int64_t r = 0, offset = c;
    for (; r + 4 <= block.rows; r += 4, offset += 4 * channels) {
      step(offset, c, a0, b0);
      step(offset + channels, c, a1, b1);
      step(offset + 2 * channels, c, a2, b2);
      step(offset + 3 * channels, c, a3, b3);
    }
    for (; r < block.rows; ++r, offset += channels) step(offset, c, a0, b0);
    store(hn::Add(hn::Add(a0, a1), hn::Add(a2, a3)), block.sum1 + c);
    store(hn::Add(hn::Add(b0, b1), hn::Add(b2, b3)), block.sum2 + c);
  }
}

// sum1 = sum x - a, sum2 = sum (x - a)^2
template <class T>
void statistics(const NormBlock& block) {
  const T* x = static_cast<const T*>(block.x);
  sum_vectors(block, [&](int64_t offset, int64_t c, V& sum, V& square) HWY_ATTR {
    const V v = hn::Sub(load(x + offset), load(block.a + c));
    sum = hn::Add(sum, v);
    square = hn::MulAdd(v, v, square);
  });
}

// out = relu(x a + b + other)
template <class T, bool residual, bool relu>
void apply(const NormBlock& block) {
  const T* x = static_cast<const T*>(block.x);
  const T* other = static_cast<const T*>(block.other);
  T* y = static_cast<T*>(block.out);
  for_vectors(block, [&](int64_t offset, int64_t c) HWY_ATTR {
    V v = hn::MulAdd(load(x + offset), load(block.a + c), load(block.b + c));
    if constexpr (residual) v = hn::Add(v, load(other + offset));
    // Written so that NaN stays NaN.
    if constexpr (relu) v = hn::IfThenZeroElse(hn::Lt(v, hn::Zero(D())), v);
    store(v, y + offset);
  });
}

// The gradient at `offset` behind the mask.
template <class T, MaskKind mask>
HWY_INLINE V masked_gradient(const NormBlock& block, V x, int64_t offset, int64_t c) {
  const V g = load(static_cast<const T*>(block.grad) + offset);
  if constexpr (mask == MaskKind::everywhere) return g;
  V y;
  if constexpr (mask == MaskKind::output_positive) {
    y = load(static_cast<const T*>(block.other) + offset);
  } else {
    y = hn::MulAdd(x, load(block.scale + c), load(block.shift + c));
  }
  return hn::IfThenElseZero(hn::Gt(y, hn::Zero(D())), g);
}

// sum1 = sum g, sum2 = sum g (x - a); out = g where it is not null
template <class T, MaskKind mask, bool keep>
void gradient_sums(const NormBlock& block) {
  const T* in = static_cast<const T*>(block.x);
  T* out = static_cast<T*>(block.out);
  sum_vectors(block, [&](int64_t offset, int64_t c, V& sum, V& product) HWY_ATTR {
    const V x = load(in + offset);
    const V g = masked_gradient<T, mask>(block, x, offset, c);
    sum = hn::Add(sum, g);
    product = hn::MulAdd(g, hn::Sub(x, load(block.a + c)), product);
    if constexpr (keep) store(g, out + offset);
  });
}

// out = g a + x b + c
template <class T, MaskKind mask>
void input_gradients(const NormBlock& block) {
  const T* in = static_cast<const T*>(block.x);
  T* out = static_cast<T*>(block.out);
  for_vectors(block, [&](int64_t offset, int64_t c) HWY_ATTR {
    const V x = load(in + offset);
    const V g = masked_gradient<T, mask>(block, x, offset, c);
    const V rest = hn::MulAdd(x, load(block.b + c), load(block.c + c));
    store(hn::MulAdd(g, load(block.a + c), rest), out + offset);
  });
}

template <class T>
void apply_of(const NormBlock& b) {
  if (b.other != nullptr) {
    b.relu ? apply<T, true, true>(b) : apply<T, true, false>(b);
  } else {
    b.relu ? apply<T, false, true>(b) : apply<T, false, false>(b);
  }
}

template <class T, MaskKind mask>
void gradient_sums_of(const NormBlock& b) {
  b.out != nullptr ? gradient_sums<T, mask, true>(b) : gradient_sums<T, mask, false>(b);
}

template <class T>
void gradient_sums_of(const NormBlock& b) {
  if (b.mask == MaskKind::everywhere) return gradient_sums_of<T, MaskKind::everywhere>(b);
  if (b.mask == MaskKind::output_positive) {
    return gradient_sums_of<T, MaskKind::output_positive>(b);
  }
  gradient_sums_of<T, MaskKind::input_positive>(b);
}

template <class T>
void input_gradients_of(const NormBlock& b) {
  if (b.mask == MaskKind::everywhere) return input_gradients<T, MaskKind::everywhere>(b);
  if (b.mask == MaskKind::output_positive) return input_gradients<T, MaskKind::output_positive>(b);
  input_gradients<T, MaskKind::input_positive>(b);
}

void statistics_block(const NormBlock& b) {
  b.bf16 ? statistics<at::BFloat16>(b) : statistics<float>(b);
}
void apply_block(const NormBlock& b) {
  b.bf16 ? apply_of<at::BFloat16>(b) : apply_of<float>(b);
}
void gradient_sums_block(const NormBlock& b) {
  b.bf16 ? gradient_sums_of<at::BFloat16>(b) : gradient_sums_of<float>(b);
}
void input_gradient_block(const NormBlock& b) {
  b.bf16 ? input_gradients_of<at::BFloat16>(b) : input_gradients_of<float>(b);
}

}  // namespace HWY_NAMESPACE
}  // namespace vistas::learn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vistas::learn {
namespace {

HWY_EXPORT(statistics_block);
HWY_EXPORT(apply_block);
HWY_EXPORT(gradient_sums_block);
HWY_EXPORT(input_gradient_block);

// Whole tensors cut into blocks of rows. The cuts, and with them all results, do not depend on the
// number of threads.
class Pass {
 public:
  explicit Pass(const at::Tensor& x)
      : width_(x.element_size()),
        block_rows_(std::max<int64_t>(1, (1 << 15) / x.size(1))),
        rows_(x.numel() / x.size(1)) {
    whole.channels = x.size(1);
    whole.bf16 = x.scalar_type() == at::kBFloat16;
    whole.x = x.const_data_ptr();
  }

  NormBlock whole{};

  // Calls kernel(block) for all blocks.
  template <class Kernel>
  void run(const Kernel& kernel) const {
    at::parallel_for(0, count(), 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) kernel(block(i));
    });
  }

  // The same with both sums, added up over the blocks.
  template <class Kernel>
  void run_sums(const Kernel& kernel, std::vector<double>& sum1, std::vector<double>& sum2) const {
    const size_t channels = static_cast<size_t>(whole.channels);
    const size_t blocks = static_cast<size_t>(count());
    std::vector<float> partial(2 * blocks * channels);
    at::parallel_for(0, count(), 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        NormBlock part = block(i);
        part.sum1 = &partial[static_cast<size_t>(2 * i) * channels];
        part.sum2 = part.sum1 + channels;
        kernel(part);
      }
    });
    sum1.assign(channels, 0);
    sum2.assign(channels, 0);
    for (size_t i = 0; i < blocks; ++i) {
      for (size_t c = 0; c < channels; ++c) {
        sum1[c] += static_cast<double>(partial[2 * i * channels + c]);
        sum2[c] += static_cast<double>(partial[(2 * i + 1) * channels + c]);
      }
    }
  }

 private:
  int64_t count() const { return (rows_ + block_rows_ - 1) / block_rows_; }

  NormBlock block(int64_t i) const {
    NormBlock part = whole;
    part.rows = std::min(block_rows_, rows_ - i * block_rows_);
    const int64_t bytes = i * block_rows_ * whole.channels * width_;
    const auto move = [bytes](const void* p) {
      return p == nullptr ? nullptr : static_cast<const char*>(p) + bytes;
    };
    part.x = move(whole.x);
    part.grad = move(whole.grad);
    part.other = move(whole.other);
    part.out = const_cast<char*>(move(whole.out));
    return part;
  }

  int64_t width_, block_rows_, rows_;
};

const void* pointer(const at::Tensor& x) {
  return x.defined() ? x.const_data_ptr() : nullptr;
}
void* mutable_pointer(const at::Tensor& x) {
  return x.defined() ? x.mutable_data_ptr() : nullptr;
}

void set_gradient(NormBlock& block, const MaskedGradient& gradient) {
  block.grad = gradient.grad.const_data_ptr();
  block.other = pointer(gradient.output);
  block.scale = gradient.scale.data();
  block.shift = gradient.shift.data();
  block.mask = !gradient.relu              ? MaskKind::everywhere
               : gradient.output.defined() ? MaskKind::output_positive
                                           : MaskKind::input_positive;
}

}  // namespace

bool is_channel_rows(const at::Tensor& x) {
  const bool rows = (x.dim() == 2 && x.is_contiguous()) ||
                    (x.dim() == 4 && x.is_contiguous(at::MemoryFormat::ChannelsLast));
  const bool type = x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16;
  return rows && type && x.is_cpu() && x.numel() > 0 && x.size(1) % 16 == 0;
}

ChannelStatistics channel_statistics(const at::Tensor& x) {
  Pass pass(x);
  // Differences from the first row: squares of a large mean would drown the variance.
  const at::Tensor first = (x.dim() == 4 ? x.select(3, 0).select(2, 0) : x).select(0, 0);
  const at::Tensor pivot = first.to(at::kFloat).contiguous();
  pass.whole.a = pivot.const_data_ptr<float>();
  ChannelStatistics s;
  pass.run_sums(
      [](const NormBlock& b) {
        HWY_DYNAMIC_DISPATCH(statistics_block)
        (b);
      },
      s.mean, s.variance);
  const double n = static_cast<double>(x.numel() / x.size(1));
  for (size_t c = 0; c < s.mean.size(); ++c) {
    const double offset = s.mean[c] / n;
    s.variance[c] = std::max(0.0, s.variance[c] / n - offset * offset);
    s.mean[c] = static_cast<double>(pass.whole.a[c]) + offset;
  }
  return s;
}

void scale_shift(const at::Tensor& x, const Channels& scale, const Channels& shift,
                 const at::Tensor& residual, bool relu, const at::Tensor& y) {
  Pass pass(x);
  pass.whole.a = scale.data();
  pass.whole.b = shift.data();
  pass.whole.other = pointer(residual);
  pass.whole.relu = relu;
  pass.whole.out = y.mutable_data_ptr();
  pass.run([](const NormBlock& b) { HWY_DYNAMIC_DISPATCH(apply_block)(b); });
}

GradientSums channel_gradient_sums(const MaskedGradient& gradient, const at::Tensor& x,
                                   const Channels& mean, const at::Tensor& masked) {
  Pass pass(x);
  set_gradient(pass.whole, gradient);
  pass.whole.a = mean.data();
  pass.whole.out = mutable_pointer(masked);
  GradientSums sums;
  pass.run_sums(
      [](const NormBlock& b) {
        HWY_DYNAMIC_DISPATCH(gradient_sums_block)
        (b);
      },
      sums.g, sums.gx);
  return sums;
}

void input_gradient(const MaskedGradient& gradient, const at::Tensor& x, const Channels& by_g,
                    const Channels& by_x, const Channels& constant, const at::Tensor& dx) {
  Pass pass(x);
  set_gradient(pass.whole, gradient);
  pass.whole.a = by_g.data();
  pass.whole.b = by_x.data();
  pass.whole.c = constant.data();
  pass.whole.out = dx.mutable_data_ptr();
  pass.run([](const NormBlock& b) { HWY_DYNAMIC_DISPATCH(input_gradient_block)(b); });
}

}  // namespace vistas::learn
#endif  // HWY_ONCE
