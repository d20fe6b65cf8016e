// SimCLR views of real data, one thread: choosing the part, reading and decoding it, both views as
// normalised floats in the memory of a batch. Views a CPU second. The data sets lie in
// VISTAS_DATA_BUILD, by default build/data.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <vector>

#include "vistas/base/random.h"
#include "vistas/vision/sources/sample_reader.h"
#include "vistas/vision/views/maker.h"

namespace vistas::vision {
namespace {

namespace fs = std::filesystem;

fs::path data_folder() {
  const char* set = std::getenv("VISTAS_DATA_BUILD");
  return set == nullptr ? "build/data" : set;
}

// What a loader thread does with every sample of a batch.
void make_views(benchmark::State& state, const char* folder, int64_t side, size_t batch) {
  const fs::path path = data_folder() / folder;
  if (!fs::exists(path)) return state.SkipWithError((path.string() + " is missing").c_str());
  const SampleReader reader(open_source(path, {.channels = "rgb"}), "fail");
  Image storage;
  const ImageView first = reader.read(0, {}, storage).view;
  const ViewMaker maker(
      builtin_recipe("simclr", {.size = side, .strength = side <= 32 ? 0.5 : 1.0}), first.channels,
      first.type);
  const size_t floats = static_cast<size_t>(3 * side * side);
  std::vector<float> out(2 * batch * floats);
  ViewScratch scratch;
  Draws order({.seed = 1});
  size_t slot = 0;
  uint64_t made = 0;
  for (auto _ : state) {
    const int64_t i = order.below(reader.source().size());
    const DrawKey key{.sample = made++};
    PictureInfo info;
    const auto needed = [&](const PictureInfo& picture) {
      info = picture;
      return maker.needed_box(picture.height, picture.width, key);
    };
    const Sample sample = reader.read(i, needed, storage);
    const PicturePart part(sample.view, sample.part, info.height, info.width);
    for (int v = 0; v < 2; ++v) {
      maker.make(part, key, v, out.data() + slot * floats, scratch);
      slot = (slot + 1) % (2 * batch);
    }
    benchmark::DoNotOptimize(out.data());
  }
  state.counters["views/s"] =
      benchmark::Counter(2 * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

BENCHMARK_CAPTURE(make_views, cifar_32, "cifar10", 32, size_t{256});
BENCHMARK_CAPTURE(make_views, imagenette_128, "imagenette-128", 128, size_t{64});
BENCHMARK_CAPTURE(make_views, bccd_224, "bccd/BCCD/JPEGImages", 224, size_t{16});

}  // namespace
}  // namespace vistas::vision
