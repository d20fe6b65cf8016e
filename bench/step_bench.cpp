// One SimCLR training step on pictures that are in memory: encoder, two-layer projector, NT-Xent,
// SGD. Images (pairs of views) a second.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <algorithm>
#include <chrono>

#include "vistas/contrast/nt_xent.h"
#include "vistas/learn/optimizer.h"
#include "vistas/learn/projector.h"
#include "vistas/vision/encoders/encoders.h"

namespace {

// Large buffers of one step serve the next one, as in the program.
[[maybe_unused]] const bool keeps_memory =
    mallopt(M_MMAP_THRESHOLD, 1 << 30) + mallopt(M_TRIM_THRESHOLD, -1) == 2;

class Autocast {
 public:
  explicit Autocast(bool on) {
    at::autocast::set_autocast_enabled(at::kCPU, on);
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    at::autocast::increment_nesting();
  }
  ~Autocast() {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(at::kCPU, false);
  }
};

void train_step(benchmark::State& state, const vistas::vision::EncoderOptions& options, bool bf16) {
  at::set_num_threads(2);
  const int64_t images = 256;
  const auto encoder = vistas::vision::make_encoder(options, 1);
  vistas::learn::Projector projector(encoder->dim(), {}, 2);
  vistas::learn::NamedTensors parameters;
  for (const auto& item : encoder->named_parameters()) {
    parameters.emplace_back(item.key(), item.value());
  }
  for (const auto& item : projector.named_parameters()) {
    parameters.emplace_back("projector." + item.key(), item.value());
  }
  const auto optimizer = vistas::learn::make_optimizer({.weight_decay = 5e-4}, parameters);
  const at::Tensor views = at::randn({2 * images, options.channels, 32, 32});
  const auto step = [&] {
    at::Tensor z;
    {
      const Autocast autocast(bf16);
      z = projector.forward(encoder->forward(views));
    }
    const at::Tensor loss = vistas::contrast::nt_xent(z.slice(0, 0, images), z.slice(0, images));
    optimizer->zero_grad();
    loss.backward();
    optimizer->step(0.06);
    benchmark::DoNotOptimize(loss.item<float>());
  };
  step();
  double best = 1e9;
  for ([[maybe_unused]] auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    step();
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  state.SetItemsProcessed(state.iterations() * images);
  // On a busy machine the fastest step says most.
  state.counters["best_images_per_second"] = static_cast<double>(images) / best;
}

const vistas::vision::EncoderOptions kResNet18{
    .name = "resnet18", .channels = 3, .width = 16, .stem = vistas::vision::Stem::cifar};

BENCHMARK_CAPTURE(train_step, resnet18_width16_bf16, kResNet18, true)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();
BENCHMARK_CAPTURE(train_step, resnet18_width16_fp32, kResNet18, false)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

}  // namespace
