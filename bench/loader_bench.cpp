// Batches a second from the loader, by its threads: SimCLR views of CIFAR-10, which lies in
// VISTAS_DATA_BUILD, by default build/data.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <cstdlib>
#include <filesystem>
#include <limits>

#include "vistas/learn/loader.h"
#include "vistas/vision/tasks/image_batches.h"

namespace {

using namespace vistas;

// The memory of one batch serves the next one, as in the program.
[[maybe_unused]] const bool keeps_memory =
    mallopt(M_MMAP_THRESHOLD, 1 << 30) + mallopt(M_TRIM_THRESHOLD, -1) == 2;

void load(benchmark::State& state) {
  const char* set = std::getenv("VISTAS_DATA_BUILD");
  const auto path = std::filesystem::path(set == nullptr ? "build/data" : set) / "cifar10";
  if (!std::filesystem::exists(path)) {
    return state.SkipWithError((path.string() + " is missing").c_str());
  }
  constexpr int64_t kBatch = 256;
  const auto views = vision::builtin_recipe("simclr", {.size = 32, .strength = 0.5});
  const auto batches =
      std::make_shared<vision::ImageBatches>(vision::open_source(path), views, "fail", uint64_t{0});
  learn::Loader loader(batches, {.batch = kBatch,
                                 .threads = static_cast<int>(state.range(0)),
                                 .end_step = std::numeric_limits<int64_t>::max()});
  for (int i = 0; i < 8; ++i)
    loader.next();  // what was made ahead is used up before the clock starts
  for (auto _ : state) benchmark::DoNotOptimize(loader.next().index);
  state.SetItemsProcessed(state.iterations() * kBatch);
}

BENCHMARK(load)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
