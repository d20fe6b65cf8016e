// NT-Xent forward and backward over N rows of 128 numbers at T = 0.1, beside a matrix product on
// the same cores and the form with a matrix of similarities. Rates count 4 N^2 D operations. Also
// the error of the gradient and the memory that a call takes besides its inputs.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <limits>
#include <string>

#include "timing.h"
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
  state.counters["gflops"] = operations / vistas::bench::time_fastest(state, work) * 1e-9;
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
at::Tensor with_a_matrix(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor z = at::cat({a, b});
  const int64_t n = z.size(0);
  const at::Tensor unit = z / at::linalg_vector_norm(z, 2, {1}, true).clamp_min(1e-12);
  const at::Tensor s = at::mm(unit, unit.t()) / kTemperature;
  const double nothing = -std::numeric_limits<double>::infinity();
  return at::cross_entropy_loss(s.masked_fill(at::eye(n, at::kBool), nothing),
                                at::arange(n).roll(n / 2));
}

void matrix(benchmark::State& state) {
  const Views views(state.range(0));
  time_best(state, operations(state.range(0)), [&] { with_a_matrix(views.a, views.b).backward(); });
}

// The largest difference from the gradient in float64, relative to its largest value.
void gradient_error(benchmark::State& state) {
  at::set_num_threads(2);
  const Views views(state.range(0));
  const at::Tensor a = views.a.detach().to(at::kDouble).requires_grad_(true);
  const at::Tensor b = views.b.detach().to(at::kDouble).requires_grad_(true);
  with_a_matrix(a, b).backward();
  const auto error_of = [&](const at::Tensor& loss) {
    views.a.mutable_grad() = views.b.mutable_grad() = at::Tensor();
    loss.backward();
    const at::Tensor exact = at::cat({a.grad(), b.grad()});
    const at::Tensor got = at::cat({views.a.grad(), views.b.grad()});
    return ((got - exact).abs().max() / exact.abs().max()).item<double>();
  };
  using vistas::contrast::nt_xent;
  for ([[maybe_unused]] auto _ : state) {
    state.counters["fp32"] = error_of(nt_xent(views.a, views.b, {.temperature = kTemperature}));
    state.counters["bf16"] =
        error_of(nt_xent(views.a, views.b, {.temperature = kTemperature, .bf16 = true}));
    state.counters["matrix_fp32"] = error_of(with_a_matrix(views.a, views.b));
  }
}

double resident_megabytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(key, 0) == 0) return std::stod(line.substr(key.size() + 1)) * 1024e-6;
  }
  return 0;
}

// Peak of resident memory over what is held before, gradients of the inputs included.
void memory(benchmark::State& state) {
  at::set_num_threads(2);
  const Views views(state.range(0));
  const Views few(64);
  vistas::contrast::nt_xent(few.a, few.b, {.temperature = kTemperature}).backward();
  for ([[maybe_unused]] auto _ : state) {
    malloc_trim(0);
    std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins anew
    const double before = resident_megabytes("VmRSS");
    const auto start = std::chrono::steady_clock::now();
    vistas::contrast::nt_xent(views.a, views.b, {.temperature = kTemperature}).backward();
    state.counters["best_ms"] =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    state.counters["extra_megabytes"] = resident_megabytes("VmHWM") - before;
  }
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
BENCHMARK(gradient_error)->Arg(4096)->Iterations(1)->UseRealTime();
BENCHMARK(memory)->Arg(8192)->Arg(131072)->Iterations(1)->UseRealTime();
BENCHMARK(sgemm)->Arg(1024)->Arg(2048)->Arg(4096)->UseRealTime();

}  // namespace
