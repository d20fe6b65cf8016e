// Baselines on Gowalla: the 20 best items of every user, and what they find of the test items.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>

#include "gowalla.h"
#include "vistas/measure/ranking.h"
#include "vistas/recommend/baselines/baselines.h"

namespace {

using namespace vistas;

// `make` makes the lists from training interactions and the filter of them.
template <class Make>
void measure_lists(benchmark::State& state, const Make& make) {
  at::set_num_threads(2);
  const auto& [train, test] = bench::gowalla();
  if (train.ids.empty()) return state.SkipWithError("no gowalla in VISTAS_DATA_BUILD");
  const search::RowFilter filter{.without = {train.view()}};
  search::TopK lists;
  for ([[maybe_unused]] auto _ : state) lists = make(train.view(), filter);
  const auto scores = measure::list_scores(lists.indices, test.view(),
                                           measure::occurrences(train.view(), bench::kItems),
                                           std::vector<int64_t>{20})[0];
  state.counters["recall"] = scores.mean.recall;
  state.counters["ndcg"] = scores.mean.ndcg;
}

void popularity(benchmark::State& state) {
  measure_lists(state, [](const IdLists& train, const search::RowFilter& filter) {
    return recommend::popularity_lists(train, bench::kItems, 20, filter);
  });
}

void item_knn(benchmark::State& state, recommend::ItemWeights weights) {
  measure_lists(state, [&](const IdLists& train, const search::RowFilter& filter) {
    return recommend::item_knn_lists(train, bench::kItems, 20, filter,
                                     {.weights = weights, .neighbours = state.range(0)});
  });
}

// Some 7 GB and 70 trillion multiplications.
void ease(benchmark::State& state) {
  measure_lists(state, [&](const IdLists& train, const search::RowFilter& filter) {
    return recommend::ease_lists(train, bench::kItems, 20, filter,
                                 static_cast<double>(state.range(0)));
  });
}

using recommend::ItemWeights;
BENCHMARK(popularity)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(item_knn, cosine, ItemWeights::cosine)
    ->Arg(20)
    ->Arg(100)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(item_knn, tf_idf, ItemWeights::tf_idf)
    ->Arg(20)
    ->Arg(100)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(item_knn, bm25, ItemWeights::bm25)
    ->Arg(20)
    ->Arg(100)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK(ease)->Arg(500)->Iterations(1)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
