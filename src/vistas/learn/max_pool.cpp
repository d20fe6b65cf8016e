#include "vistas/learn/max_pool.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include "vistas/base/error.h"
#include "vistas/learn/batch_norm_kernels.h"

// Compiled once for each instruction set; Highway chooses at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "vistas/learn/max_pool.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "vistas/learn/vectors-inl.h"

#ifndef VISTAS_POOL_ROW
#define VISTAS_POOL_ROW
namespace vistas::learn {

// Two rows of pixels and the row they are pooled to. `large` points to the upper row.
struct PoolRow {
  bool bf16;
  int64_t blocks, channels;  // blocks: pixels of the pooled row
  int64_t row;               // values from one large row to the next
  void *large, *pooled;
  uint8_t* place;  // of the largest: 0 1 above, 2 3 below
};

}  // namespace vistas::learn
#endif

HWY_BEFORE_NAMESPACE();
namespace vistas::learn {
namespace HWY_NAMESPACE {

// step(offset of the upper left pixel, offset of the pooled pixel) for every vector of channels.
template <class Step>
HWY_INLINE void for_blocks(const PoolRow& r, const Step& step) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(D()));
  for (int64_t i = 0; i < r.blocks; ++i) {
    for (int64_t c = 0; c < r.channels; c += lanes) {
      step(2 * i * r.channels + c, i * r.channels + c);
    }
  }
}

template <class T>
void pool(const PoolRow& r) {
  const hn::Rebind<int32_t, D> d32;
  const hn::Rebind<uint8_t, D> d8;
  const T* large = static_cast<const T*>(r.large);
  T* pooled = static_cast<T*>(r.pooled);
  for_blocks(r, [&](int64_t from, int64_t to) HWY_ATTR {
    V best = load(large + from);
    auto place = hn::Zero(d32);
    const auto challenge = [&](const T* p, int32_t number) HWY_ATTR {
      const V v = load(p);
      const auto wins = hn::Or(hn::Gt(v, best), hn::IsNaN(v));
      best = hn::IfThenElse(wins, v, best);
      place = hn::IfThenElse(hn::RebindMask(d32, wins), hn::Set(d32, number), place);
    };
    challenge(large + from + r.channels, 1);
    challenge(large + from + r.row, 2);
    challenge(large + from + r.row + r.channels, 3);
    store(best, pooled + to);
    hn::StoreU(hn::DemoteTo(d8, place), d8, r.place + to);
  });
}

template <class T>
void spread(const PoolRow& r) {
  const hn::Rebind<int32_t, D> d32;
  const hn::Rebind<uint8_t, D> d8;
  T* large = static_cast<T*>(r.large);
  const T* pooled = static_cast<const T*>(r.pooled);
  for_blocks(r, [&](int64_t to, int64_t from) HWY_ATTR {
    const V gradient = load(pooled + from);
    const auto place = hn::PromoteTo(d32, hn::LoadU(d8, r.place + from));
    const auto give = [&](T* p, int32_t number) HWY_ATTR {
      const auto mine = hn::RebindMask(D(), hn::Eq(place, hn::Set(d32, number)));
      store(hn::IfThenElseZero(mine, gradient), p);
    };
    give(large + to, 0);
    give(large + to + r.channels, 1);
    give(large + to + r.row, 2);
    give(large + to + r.row + r.channels, 3);
  });
}

void pool_row(const PoolRow& r) {
  r.bf16 ? pool<at::BFloat16>(r) : pool<float>(r);
}
void spread_row(const PoolRow& r) {
  r.bf16 ? spread<at::BFloat16>(r) : spread<float>(r);
}

}  // namespace HWY_NAMESPACE
}  // namespace vistas::learn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vistas::learn {
namespace {

HWY_EXPORT(pool_row);
HWY_EXPORT(spread_row);

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// run(row) for every row of `pooled`; all three in channels-last memory.
template <class Run>
void for_rows(void* large, int64_t height, int64_t width, const at::Tensor& pooled,
              const at::Tensor& place, const Run& run) {
  const int64_t channels = pooled.size(1), h = pooled.size(2), w = pooled.size(3);
  const int64_t bytes = static_cast<int64_t>(pooled.element_size());
  char* large_bytes = static_cast<char*>(large);
  char* pooled_bytes = static_cast<char*>(const_cast<void*>(pooled.const_data_ptr()));
  uint8_t* places = const_cast<uint8_t*>(place.const_data_ptr<uint8_t>());
  at::parallel_for(0, pooled.size(0) * h, 8, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = i / h * height + 2 * (i % h);
      run({.bf16 = pooled.scalar_type() == at::kBFloat16,
           .blocks = w,
           .channels = channels,
           .row = width * channels,
           .large = large_bytes + row * width * channels * bytes,
           .pooled = pooled_bytes + i * w * channels * bytes,
           .place = places + i * w * channels});
    }
  });
}

struct Pool : torch::autograd::Function<Pool> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x) {
    const int64_t h = x.size(2), w = x.size(3);
    const auto sizes = {x.size(0), x.size(1), h / 2, w / 2};
    const auto layout = at::MemoryFormat::ChannelsLast;
    const at::Tensor y = at::empty(sizes, x.options(), layout);
    const at::Tensor place = at::empty(sizes, x.options().dtype(at::kByte), layout);
    for_rows(const_cast<void*>(x.const_data_ptr()), h, w, y, place, [](const PoolRow& r) {
      HWY_DYNAMIC_DISPATCH(pool_row)(r);
    });
    context->save_for_backward({place});
    context->saved_data["height"] = h;
    context->saved_data["width"] = w;
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    if (at::GradMode::is_enabled()) {
      throw Error(ErrorKind::usage, {.what = "max_pool_2x2 has no second derivative",
                                     .fix = "Call backward without create_graph"});
    }
    const at::Tensor place = context->get_saved_variables()[0];
    const int64_t h = context->saved_data["height"].toInt();
    const int64_t w = context->saved_data["width"].toInt();
    const auto layout = at::MemoryFormat::ChannelsLast;
    const at::Tensor grad = grads[0].contiguous(layout);
    const at::Tensor dx = at::empty({grad.size(0), grad.size(1), h, w}, grad.options(), layout);
    if (h % 2 == 1) dx.select(2, h - 1).zero_();
    if (w % 2 == 1) dx.select(3, w - 1).zero_();
    for_rows(dx.mutable_data_ptr(), h, w, grad, place, [](const PoolRow& r) {
      HWY_DYNAMIC_DISPATCH(spread_row)(r);
    });
    return {dx};
  }
};

}  // namespace

at::Tensor max_pool_2x2(const at::Tensor& x) {
  const bool fits = x.dim() == 4 && is_channel_rows(x) && x.size(2) > 1 && x.size(3) > 1;
  return fits ? Pool::apply(x) : at::max_pool2d(x, {2, 2});
}

}  // namespace vistas::learn
#endif  // HWY_ONCE
