// One propagation over the graph of Gowalla (70,839 nodes, 1.62 million non-zeros, 64 numbers a
// node), forward and backward, beside ATen's products with the same matrix; and the making of
// views.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "gowalla.h"
#include "vistas/recommend/graph/bipartite.h"

namespace {

using namespace vistas;

const recommend::BipartiteGraph* graph(benchmark::State& state) {
  static const OwnIdLists train = bench::read_gowalla("train");
  if (train.ids.empty()) {
    state.SkipWithError("no gowalla in VISTAS_DATA_BUILD");
    return nullptr;
  }
  static const recommend::BipartiteGraph made(train.view(), bench::kItems);
  return &made;
}

template <class Work>
void time_best(benchmark::State& state, const Work& work) {
  at::set_num_threads(2);
  double best = std::numeric_limits<double>::infinity();
  for ([[maybe_unused]] auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  // On a busy machine the fastest says most.
  state.counters["best_ms"] = best * 1e3;
}

at::Tensor table(const recommend::BipartiteGraph& of, at::ScalarType type) {
  return at::randn({of.nodes(), 64}).to(type);
}

void forward(benchmark::State& state, at::ScalarType type) {
  const auto* g = graph(state);
  if (!g) return;
  const at::Tensor x = table(*g, type);
  time_best(state, [&] { benchmark::DoNotOptimize(recommend::propagate(*g, x)); });
}

void backward(benchmark::State& state, at::ScalarType type) {
  const auto* g = graph(state);
  if (!g) return;
  const at::Tensor x = table(*g, type).requires_grad_(true), gradient = table(*g, type);
  const at::Tensor y = recommend::propagate(*g, x);
  time_best(state, [&] {
    x.mutable_grad() = at::Tensor();
    y.backward(gradient, /*retain_graph=*/true);
  });
}

at::Tensor csr(const recommend::BipartiteGraph& of) {
  const learn::SymmetricMatrix& a = of.adjacency();
  return at::sparse_csr_tensor(at::tensor(*a.starts), at::tensor(*a.columns).to(at::kLong),
                               at::tensor(*a.values), {a.size(), a.size()}, at::kFloat);
}

void aten_csr(benchmark::State& state) {
  const auto* g = graph(state);
  if (!g) return;
  const at::Tensor a = csr(*g), x = table(*g, at::kFloat);
  time_best(state, [&] { benchmark::DoNotOptimize(a.mm(x)); });
}

void aten_coo(benchmark::State& state) {
  const auto* g = graph(state);
  if (!g) return;
  const at::Tensor a = csr(*g).to_sparse(), x = table(*g, at::kFloat);
  time_best(state, [&] { benchmark::DoNotOptimize(a.mm(x)); });
}

void drop_edges(benchmark::State& state) {
  const auto* g = graph(state);
  if (!g) return;
  uint64_t epoch = 0;
  time_best(state,
            [&] { benchmark::DoNotOptimize(g->drop_edges(0.1, {.seed = 1, .epoch = ++epoch})); });
}

BENCHMARK_CAPTURE(forward, fp32, at::kFloat)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(forward, bf16, at::kBFloat16)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(backward, fp32, at::kFloat)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(backward, bf16, at::kBFloat16)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(aten_csr)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(aten_coo)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(drop_edges)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
