// The time that says most on a busy machine: that of the fastest call.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <limits>

namespace vistas::bench {

// Seconds of the fastest call of `work` by this benchmark; also its counter "best_ms".
template <class Work>
double time_fastest(benchmark::State& state, const Work& work) {
  double best = std::numeric_limits<double>::infinity();
  for ([[maybe_unused]] auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  state.counters["best_ms"] = best * 1e3;
  return best;
}

}  // namespace vistas::bench
