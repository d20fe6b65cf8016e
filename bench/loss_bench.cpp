// NT-Xent forward and backward over N rows of 128 numbers at T = 0.1, beside a matrix product on
// the same cores and the form with a matrix of similarities. Rates count 4 N^2 D operations.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "vistas/contrast/nt_xent.h"

namespace {

constexpr int64_t kWidth = 128;
constexpr double kTemperature = 0.1;

struct Views {
  explicit Views(int64_t rows) {
    const at::Tensor base = at::randn({rows / 2, kWidth});
    a = (base + 0.5 * at::randn_like(base)).requires_grad_(true);
    b = (base + 0.5 * at::randn_like(base)).requires_grad_(true);
  }
  at::Tensor a, b;
};

template <class Work>
void time_best(benchmark::State& state, double operations, const Work& work) {
  at::set_num_threads(2);
  work();
  double best = std::numeric_limits<double>::infinity();
  for ([[maybe_unused]] auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  // On a busy machine the fastest says most.
  state.counters["best_ms"] = best * 1e3;
  state.counters["gflops"] = operations / best * 1e-9;
}

double operations(int64_t rows) {
  return 4.0 * static_cast<double>(rows * rows) * kWidth;
}

void nt_xent(benchmark::State& state, bool bf16) {
  const Views views(state.range(0));
  time_best(state, operations(state.range(0)), [&] {
    vistas::contrast::nt_xent(views.a, views.b, {.temperature = kTemperature, .bf16 = bf16})
        .backward();
  });
}

// As one writes it with the operations of ATen.
void matrix(benchmark::State& state) {
  const Views views(state.range(0));
  const at::Tensor target = at::arange(state.range(0)).roll(state.range(0) / 2);
  const at::Tensor self = at::eye(state.range(0), at::kBool);
  time_best(state, operations(state.range(0)), [&] {
    const at::Tensor z = at::cat({views.a, views.b});
    const at::Tensor unit = z / at::linalg_vector_norm(z, 2, {1}, true).clamp_min(1e-12);
    const at::Tensor s = at::mm(unit, unit.t()) / kTemperature;
    at::cross_entropy_loss(s.masked_fill(self, -std::numeric_limits<double>::infinity()), target)
        .backward();
  });
}

void sgemm(benchmark::State& state) {
  const int64_t n = state.range(0);
  const at::Tensor a = at::randn({n, n}), b = at::randn({n, n});
  at::Tensor c = at::empty({n, n});
  time_best(state, 2.0 * static_cast<double>(n * n * n), [&] { at::mm_out(c, a, b); });
}

BENCHMARK_CAPTURE(nt_xent, fp32, false)->Arg(1024)->Arg(4096)->Arg(8192)->UseRealTime();
BENCHMARK_CAPTURE(nt_xent, bf16, true)->Arg(1024)->Arg(4096)->Arg(8192)->UseRealTime();
BENCHMARK(matrix)->Arg(1024)->Arg(4096)->Arg(8192)->UseRealTime();
BENCHMARK(sgemm)->Arg(1024)->Arg(2048)->Arg(4096)->UseRealTime();

}  // namespace
