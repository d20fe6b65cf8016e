// Full ranking at the size of Gowalla: the 20 best of 40,981 items for each of 29,858 users, 64
// numbers each, those of training left out; beside the same products thrown away.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>

#include <algorithm>

#include "gowalla.h"
#include "timing.h"
#include "vistas/search/top_k.h"

namespace {

using namespace vistas;

at::Tensor rows(int64_t count) {
  return at::randn({count, 64}, at::make_generator<at::CPUGeneratorImpl>(uint64_t{1}));
}

template <class Work>
void time_users(benchmark::State& state, const Work& work) {
  at::set_num_threads(2);
  state.counters["users/s"] = static_cast<double>(bench::kUsers) / bench::time_fastest(state, work);
}

void full_ranking(benchmark::State& state) {
  const OwnIdLists& train = bench::gowalla().train;
  if (train.ids.empty()) return state.SkipWithError("no gowalla in VISTAS_DATA_BUILD");
  const at::Tensor users = rows(bench::kUsers), items = rows(bench::kItems);
  time_users(state, [&] {
    benchmark::DoNotOptimize(
        search::top_k(users, items, 20, search::Metric::dot, {.without = {train.view()}}));
  });
}

void products(benchmark::State& state) {
  const at::Tensor users = rows(bench::kUsers), items = rows(bench::kItems).t();
  at::Tensor tile = at::empty({512, bench::kItems});
  time_users(state, [&] {
    for (int64_t i = 0; i < bench::kUsers; i += 512) {
      const int64_t n = std::min<int64_t>(512, bench::kUsers - i);
      at::Tensor out = tile.narrow(0, 0, n);
      at::mm_out(out, users.narrow(0, i, n), items);
    }
  });
}

BENCHMARK(full_ranking)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(products)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
