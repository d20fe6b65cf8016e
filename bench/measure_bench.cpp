// Sizes of a CIFAR-10 evaluation with 128 features.
#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

#include "vistas/measure/knn.h"
#include "vistas/measure/linear.h"
#include "vistas/measure/logistic.h"

namespace {

using namespace vistas;

struct Data {
  at::Tensor bank, bank_labels, queries;
  Data() {
    const auto generator = at::make_generator<at::CPUGeneratorImpl>(uint64_t{1});
    const at::Tensor centres = at::randn({10, 128}, generator);
    bank_labels = at::arange(50000).remainder(10);
    bank = centres.index_select(0, bank_labels) + 2 * at::randn({50000, 128}, generator);
    queries = centres.index_select(0, bank_labels.narrow(0, 0, 10000)) +
              2 * at::randn({10000, 128}, generator);
  }
};

const Data& data() {
  static const Data d;
  return d;
}

// The floor for kNN: the same products in the same blocks, thrown away.
void products_10k_50k_128(benchmark::State& state) {
  const at::Tensor tile = at::empty({128, 2048});
  for (auto _ : state) {
    for (int64_t i = 0; i + 128 <= 10000; i += 128) {
      for (int64_t j = 0; j + 2048 <= 50000; j += 2048) {
        at::Tensor out = tile;
        at::mm_out(out, data().queries.narrow(0, i, 128), data().bank.narrow(0, j, 2048).t());
      }
    }
  }
}

void knn_10k_50k_128_k200(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        measure::knn_classify(data().bank, data().bank_labels, data().queries, 10));
  }
}

void logistic_50k_128(benchmark::State& state) {
  for (auto _ : state) {
    const auto model = measure::fit_logistic(data().bank, data().bank_labels, 10,
                                             {.standardise = true, .gradient_tolerance = 1e-4});
    state.counters["iterations"] = static_cast<double>(model.iterations);
  }
}

void linear_probe_50k_128(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(measure::linear_probe(data().bank, data().bank_labels, data().queries,
                                                   data().bank_labels.narrow(0, 0, 10000), 10));
  }
}

BENCHMARK(products_10k_50k_128)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(knn_10k_50k_128_k200)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(logistic_50k_128)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(linear_probe_50k_128)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
