// A detector at 640 x 480, ResNet-18 of width 32: the network, and what makes boxes of its answers;
// a segmenter and the regions of DetCon at the size of CamVid.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>

#include "timing.h"
#include "vistas/base/random.h"
#include "vistas/learn/precision.h"
#include "vistas/vision/tasks/dense_bundle.h"
#include "vistas/vision/views/regions.h"

namespace {

using namespace vistas;
using namespace vistas::vision;

std::shared_ptr<DenseNetwork> network_of(learn::Modality modality, int64_t classes) {
  DenseOptions options;
  options.modality = modality;
  options.encoder.channels = 3;
  options.encoder.width = 32;
  options.class_names.assign(static_cast<size_t>(classes), "class");
  auto network = make_dense_network(options, 1);
  network->eval();
  return network;
}

at::Tensor forward(DenseNetwork& network, int64_t batch, int64_t height, int64_t width) {
  const at::NoGradGuard no_grad;
  const learn::AutocastScope autocast(at::kCPU, "bf16");
  return network.forward(
      at::ones({batch, 3, height, width}).contiguous(at::MemoryFormat::ChannelsLast));
}

template <class Work>
void time_pictures(benchmark::State& state, int64_t count, const Work& work) {
  at::set_num_threads(2);
  state.counters["pictures/s"] = static_cast<double>(count) / bench::time_fastest(state, work);
}

void detector(benchmark::State& state) {
  const auto network = network_of(learn::Modality::boxes, 3);
  const int64_t batch = state.range(0);
  time_pictures(state, batch,
                [&] { benchmark::DoNotOptimize(forward(*network, batch, 480, 640)); });
}

// Every place above the least score, so that the most candidates there can be go on.
void boxes(benchmark::State& state) {
  const auto network = network_of(learn::Modality::boxes, 3);
  const at::Tensor answers = forward(*network, 1, 480, 640)[0];
  const auto levels = dynamic_cast<const Detector&>(*network).levels(480, 640);
  time_pictures(state, 1, [&] { benchmark::DoNotOptimize(decode_boxes(answers, levels, {})); });
}

void segmenter(benchmark::State& state) {
  const auto network = network_of(learn::Modality::masks, 11);
  time_pictures(state, 8, [&] { benchmark::DoNotOptimize(forward(*network, 8, 192, 256)); });
}

void regions(benchmark::State& state) {
  Image image(180, 240, 3);
  Draws draws(DrawKey{1});
  for (size_t i = 0; i < image.size_bytes(); ++i) {
    image.row<uint8_t>(0)[i] =
        static_cast<uint8_t>(i / 4000 * 16 + static_cast<size_t>(draws.below(16)));
  }
  time_pictures(state, 1, [&] { benchmark::DoNotOptimize(find_regions(image.view(), {})); });
}

BENCHMARK(detector)->Arg(1)->Arg(8)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(boxes)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(segmenter)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(regions)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
