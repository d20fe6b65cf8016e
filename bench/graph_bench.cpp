// One propagation over the graph of Gowalla (70,839 nodes, 1.62 million non-zeros, 64 numbers a
// node), forward and backward, beside ATen's products with the same matrix; and the making of
// views.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>

#include <algorithm>

#include "gowalla.h"
#include "timing.h"
#include "vistas/recommend/graph/bipartite.h"

namespace {

using namespace vistas;

const recommend::BipartiteGraph* graph(benchmark::State& state) {
  at::set_num_threads(2);
  const OwnIdLists& train = bench::gowalla().train;
  if (train.ids.empty()) {
    state.SkipWithError("no gowalla in VISTAS_DATA_BUILD");
    return nullptr;
  }
  static const recommend::BipartiteGraph made(train.view(), bench::kItems);
  return &made;
}

at::Tensor table(const recommend::BipartiteGraph& of, at::ScalarType type) {
  return at::randn({of.nodes(), 64}).to(type);
}

void forward(benchmark::State& state, at::ScalarType type) {
  const auto* g = graph(state);
  if (!g) return;
  const at::Tensor x = table(*g, type);
  bench::time_fastest(state, [&] { benchmark::DoNotOptimize(recommend::propagate(*g, x)); });
}

void backward(benchmark::State& state, at::ScalarType type) {
  const auto* g = graph(state);
  if (!g) return;
  const at::Tensor x = table(*g, type).requires_grad_(true), gradient = table(*g, type);
  const at::Tensor y = recommend::propagate(*g, x);
  bench::time_fastest(state, [&] {
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
  bench::time_fastest(state, [&] { benchmark::DoNotOptimize(a.mm(x)); });
}

void aten_coo(benchmark::State& state) {
  const auto* g = graph(state);
  if (!g) return;
  const at::Tensor a = csr(*g).to_sparse(), x = table(*g, at::kFloat);
  bench::time_fastest(state, [&] { benchmark::DoNotOptimize(a.mm(x)); });
}

void drop_edges(benchmark::State& state) {
  const auto* g = graph(state);
  if (!g) return;
  uint64_t epoch = 0;
  bench::time_fastest(
      state, [&] { benchmark::DoNotOptimize(g->drop_edges(0.1, {.seed = 1, .epoch = ++epoch})); });
}

BENCHMARK_CAPTURE(forward, fp32, at::kFloat)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(forward, bf16, at::kBFloat16)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(backward, fp32, at::kFloat)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(backward, bf16, at::kBFloat16)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(aten_csr)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(aten_coo)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(drop_edges)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
