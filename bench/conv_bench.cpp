// The weight gradients of ResNet-18 of width 16 on 512 views of 32 pixels: ours and ATen's.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>

#include "vistas/learn/conv_weight_gradient.h"

namespace {

// Arguments: input channels, output channels, size, stride.
template <bool ours>
void weight_gradient(benchmark::State& state) {
  at::set_num_threads(2);
  const int64_t in = state.range(0), out = state.range(1), size = state.range(2);
  const int64_t stride = state.range(3);
  const auto random = [](at::IntArrayRef shape) {
    return at::randn(shape).to(at::kBFloat16).contiguous(at::MemoryFormat::ChannelsLast);
  };
  const at::Tensor x = random({512, in, size, size});
  const at::Tensor grad = random({512, out, size / stride, size / stride});
  const at::Tensor weight = random({out, in, 3, 3});
  double best = 1e9;
  for ([[maybe_unused]] auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    if constexpr (ours) {
      benchmark::DoNotOptimize(vistas::learn::conv3x3_weight_gradient(x, grad, stride));
    } else {
      benchmark::DoNotOptimize(at::convolution_backward(grad, x, weight, std::nullopt,
                                                        {stride, stride}, {1, 1}, {1, 1}, false,
                                                        {0, 0}, 1, {false, true, false}));
    }
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  state.counters["best_ms"] = best * 1e3;
  state.counters["best_GFLOPs"] =
      2e-9 * 9 * static_cast<double>(in) * static_cast<double>(grad.numel()) / best;
}

void layers(benchmark::internal::Benchmark* b) {
  for (const auto& layer : {std::vector<int64_t>{16, 16, 32, 1},
                            {16, 32, 32, 2},
                            {32, 32, 16, 1},
                            {32, 64, 16, 2},
                            {64, 64, 8, 1},
                            {64, 128, 8, 2},
                            {128, 128, 4, 1}}) {
    b->Args(layer);
  }
  b->Unit(benchmark::kMillisecond)->UseRealTime();
}

BENCHMARK(weight_gradient<true>)->Name("weight_gradient/vistas")->Apply(layers);
BENCHMARK(weight_gradient<false>)->Name("weight_gradient/aten")->Apply(layers);

}  // namespace
