// SimCLR steps of one batch size with the whole batch in memory and with
// gradient caching, on views that are in memory: seconds a step, and the most
// memory the process has held so far (run one benchmark alone for that:
// --benchmark_filter).
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "vistas/base/memory.h"
#include "vistas/learn/trainer.h"
#include "vistas/methods/simclr.h"
#include "vistas/vision/encoders/encoders.h"

namespace {

using vistas::learn::Batch;

// Large buffers of one step serve the next one, as in the program.
[[maybe_unused]] const bool keeps_memory =
    mallopt(M_MMAP_THRESHOLD, 1 << 30) + mallopt(M_TRIM_THRESHOLD, -1) == 2;

// Two views of 32 x 32 pixels, a cheap function of the sample.
class Pictures : public vistas::learn::BatchMaker {
 public:
  explicit Pictures(int64_t size) : size_(size) {}
  int64_t size() const override { return size_; }
  Batch make(const std::vector<int64_t>& samples, uint64_t) const override {
    Batch batch;
    batch.index = at::tensor(samples);
    for (int view = 0; view < 2; ++view) {
      const at::Tensor rows = (batch.index + view).remainder(kTable);
      batch.views.push_back({{{"pixels", table_.index_select(0, rows)}}});
    }
    return batch;
  }

 private:
  static constexpr int64_t kTable = 64;
  int64_t size_;
  at::Tensor table_ = at::randn({kTable, 3, 32, 32}).contiguous(at::MemoryFormat::ChannelsLast);
};

void step(benchmark::State& state, const std::string& precision) {
  at::set_num_threads(2);
  vistas::learn::TrainParts parts;
  parts.method = std::make_shared<vistas::methods::SimClr>(
      vistas::vision::make_encoder(
          {.name = "resnet18", .channels = 3, .width = 16, .stem = vistas::vision::Stem::cifar}, 1),
      vistas::methods::SimClrOptions{}, 2);
  parts.train.batch = state.range(0);
  parts.train.micro_batch = state.range(1);
  parts.train.precision = precision;
  parts.train.device = "cpu";
  parts.train.loader_threads = 1;
  parts.data = std::make_shared<Pictures>(parts.train.batch);
  double best = 1e9;
  for ([[maybe_unused]] auto _ : state) {
    vistas::learn::Trainer trainer(parts);
    const std::vector<double> seconds = trainer.time_steps(parts.train.batch > 1000 ? 1 : 4, 1e9);
    best = std::min(best, *std::min_element(seconds.begin(), seconds.end()));
    state.SetIterationTime(best);
  }
  state.counters["best_images_per_second"] = static_cast<double>(parts.train.batch) / best;
  state.counters["peak_megabytes"] = static_cast<double>(vistas::peak_memory_bytes()) / 1e6;
}

void arguments(benchmark::internal::Benchmark* all) {
  all->ArgNames({"batch", "micro"});
  for (const int64_t batch : {512, 8192}) {
    for (const int64_t micro : {0, 128}) {
      if (batch == 512 || micro > 0) all->Args({batch, micro});
    }
  }
  all->Unit(benchmark::kMillisecond)->UseManualTime()->Iterations(1);
}

BENCHMARK_CAPTURE(step, bf16, std::string("bf16"))->Apply(arguments);
BENCHMARK_CAPTURE(step, fp32, std::string("fp32"))->Apply(arguments);

}  // namespace
