// Training a static encoder on pairs of captions: a whole epoch with loading and tokenizing, and
// the parts of a step. Pairs are the lines of VISTAS_DATA_BUILD/texts/multi30k-pairs.tsv, which
// ./dev bench writes; the vocabulary is that of all-MiniLM-L6-v2 (VISTAS_MINILM).
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>

#include "timing.h"
#include "vistas/contrast/info_nce.h"
#include "vistas/learn/optimizer.h"
#include "vistas/learn/trainer.h"
#include "vistas/methods/ranking.h"
#include "vistas/text/encoders/static_encoder.h"
#include "vistas/text/sources/layout.h"
#include "vistas/text/tasks/text_batches.h"
#include "vistas/text/tokenizers/load.h"

namespace vistas {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kBatch = 2048;

// Pairs, and the vocabulary of their ids.
struct Captions {
  std::shared_ptr<const text::TextBatches> batches;
  int64_t vocabulary = 0;
};

const Captions* captions(benchmark::State& state) {
  static Captions all;
  const char *data = std::getenv("VISTAS_DATA_BUILD"), *model = std::getenv("VISTAS_MINILM");
  const fs::path pairs = fs::path(data ? data : "") / "texts" / "multi30k-pairs.tsv";
  if (!all.batches && model && fs::exists(pairs)) {
    const auto file = std::make_shared<const text::TextFile>(pairs);
    const std::shared_ptr<const text::Tokenizer> tokenizer = text::load_tokenizer(model);
    all.batches = std::make_shared<text::TextBatches>(
        file, text::detect_layout(*file), tokenizer, text::TextViewOptions{},
        text::TextBatchOptions{.positives = text::Positives::columns});
    all.vocabulary = tokenizer->vocabulary_size();
  }
  if (!all.batches) state.SkipWithError("no VISTAS_MINILM or no pairs");
  at::set_num_threads(2);
  return all.batches ? &all : nullptr;
}

std::shared_ptr<text::StaticEncoder> encoder_for(const Captions& data) {
  return std::make_shared<text::StaticEncoder>(data.vocabulary, text::StaticOptions{}, 1);
}

learn::OptimizerOptions adagrad() {
  return {.name = learn::OptimizerName::adagrad, .weight_decay = 0};
}

// An epoch from the first step to the last, as `vistas train` runs it.
void epoch(benchmark::State& state, bool bf16) {
  const Captions* data = captions(state);
  if (!data) return;
  learn::TrainParts parts;
  methods::RankingOptions options;
  options.loss.temperature = 0.1;
  options.loss.bf16 = bf16;
  parts.method = std::make_shared<methods::Ranking>(encoder_for(*data), options, 1);
  parts.data = data->batches;
  parts.train.epochs = 1;
  parts.train.batch = kBatch;
  parts.train.device = "cpu";
  parts.train.loader_threads = 2;
  parts.optimizer = adagrad();
  parts.schedule = {.lr = 0.5, .lr_scaling = learn::LrScaling::none, .warmup_epochs = 0.1};
  double best = 0;
  for ([[maybe_unused]] auto _ : state) {
    learn::TrainObserver quiet;
    const std::atomic<bool> stop{false};
    learn::Trainer trainer(parts);
    best = std::max(best, trainer.run(nullptr, quiet, stop).samples_per_second);
  }
  // On a busy machine the fastest epoch says most.
  state.counters["pairs/s"] = best;
}

template <class Part>
void time_part(benchmark::State& state, const Part& part) {
  part();
  bench::time_fastest(state, part);
}

std::vector<int64_t> first_samples() {
  std::vector<int64_t> samples(kBatch);
  for (int64_t i = 0; i < kBatch; ++i) samples[static_cast<size_t>(i)] = i;
  return samples;
}

void tokenizing(benchmark::State& state) {
  const Captions* data = captions(state);
  if (!data) return;
  time_part(state, [&, samples = first_samples()] { data->batches->make(samples, 0); });
}

// The two sides of a batch through the encoder; with a gradient also the way back.
void embedding(benchmark::State& state, bool gradient) {
  const Captions* data = captions(state);
  if (!data) return;
  const auto encoder = encoder_for(*data);
  const learn::Batch batch = data->batches->make(first_samples(), 0);
  const learn::Inputs both = learn::cat(batch.views);
  const at::Tensor pull = at::randn({2 * kBatch, encoder->dim()});
  time_part(state, [&] {
    const at::AutoGradMode mode(gradient);
    const at::Tensor z = encoder->forward(both);
    if (!gradient) return;
    z.backward(pull);
    encoder->zero_grad();
  });
}

void loss(benchmark::State& state, bool bf16) {
  at::set_num_threads(2);
  at::manual_seed(1);
  const at::Tensor a = at::randn({kBatch, 256}).requires_grad_(true);
  const at::Tensor b = at::randn({kBatch, 256}).requires_grad_(true);
  time_part(state,
            [&] { contrast::info_nce(a, b, {.temperature = 0.05, .bf16 = bf16}).backward(); });
}

void optimizer(benchmark::State& state) {
  const Captions* data = captions(state);
  if (!data) return;
  const auto encoder = encoder_for(*data);
  const at::Tensor weight = encoder->parameters().front();
  encoder->forward(learn::cat(data->batches->make(first_samples(), 0).views)).sum().backward();
  const at::Tensor gradient = weight.grad();
  const auto optimiser = learn::make_optimizer(adagrad(), {{"weight", weight}});
  time_part(state, [&] { optimiser->step(1e-3); });
  state.counters["rows"] = static_cast<double>(gradient._indices().size(1));
}

BENCHMARK_CAPTURE(epoch, fp32, false)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(epoch, bf16, true)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(tokenizing)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(embedding, forward, false)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(embedding, both_ways, true)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(loss, fp32, false)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(loss, bf16, true)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(optimizer)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace vistas
