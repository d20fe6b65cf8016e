// Reading interactions: rows a second, and the bytes held for one.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "support/temp_folder.h"
#include "vistas/base/random.h"
#include "vistas/recommend/sources/read_interactions.h"

namespace vistas::recommend {
namespace {

constexpr int64_t kRows = 10'000'000;
constexpr double kUsers = 1e6, kItems = 1e5;

// Ratings with a long tail of items, users in random order: how a log lies on disk.
void write_ratings(const std::filesystem::path& path, bool whole) {
  std::ofstream out(path);
  out << (whole ? "userId,movieId,rating,timestamp\n" : "userId,movieId\n");
  std::string block;
  Draws draws({1, 0, 0, 0});
  for (int64_t row = 0; row < kRows; ++row) {
    const auto user = static_cast<int64_t>(draws.uniform() * kUsers);
    const double tail = draws.uniform();
    block += fmt::format("u{},{}", user, static_cast<int64_t>(tail * tail * tail * kItems));
    if (whole) block += fmt::format(",{}.5,{}", draws.below(5), 1'000'000'000 + row);
    block += '\n';
    if (block.size() < 1 << 20 && row + 1 < kRows) continue;
    out << block;
    block.clear();
  }
}

void read(benchmark::State& state, bool whole) {
  const test::TempFolder folder;
  const std::filesystem::path path = folder.path() / "ratings.csv";
  write_ratings(path, whole);
  int64_t bytes = 0;
  for (auto _ : state) {
    const Interactions data =
        read_interactions(path, {}, nullptr, static_cast<int>(state.range(0)));
    bytes = data.bytes() * kRows / data.size();
  }
  state.SetItemsProcessed(state.iterations() * kRows);
  state.counters["file_bytes_per_row"] =
      static_cast<double>(std::filesystem::file_size(path)) / static_cast<double>(kRows);
  state.counters["held_bytes_per_row"] = static_cast<double>(bytes) / static_cast<double>(kRows);
}

void pairs(benchmark::State& state) {
  read(state, false);
}
void ratings_with_time(benchmark::State& state) {
  read(state, true);
}

BENCHMARK(pairs)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(2);
BENCHMARK(ratings_with_time)
    ->Arg(1)
    ->Arg(2)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->Iterations(2);

}  // namespace
}  // namespace vistas::recommend
