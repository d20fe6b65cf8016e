// Training a static encoder on pairs of captions: a whole epoch with loading and tokenizing, and
// the parts of a step. Pairs are the lines of VISTAS_DATA_BUILD/texts/multi30k-pairs.tsv, which
// ./dev bench writes; the vocabulary is that of all-MiniLM-L6-v2 (VISTAS_MINILM).
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "vistas/contrast/info_nce.h"
#include "vistas/learn/optimizer.h"
#include "vistas/learn/trainer.h"
#include "vistas/methods/ranking.h"
#include "vistas/text/encoders/static_encoder.h"
#include "vistas/text/sources/text_file.h"
#include "vistas/text/tokenizers/load.h"

namespace vistas {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kBatch = 2048;

class Captions : public learn::BatchMaker {
 public:
  Captions(const fs::path& pairs, const fs::path& model) : tokenizer_(text::load_tokenizer(model)) {
    const text::TextFile file(pairs, {.header = "no"});
    std::vector<std::string> fields;
    for (int64_t i = 0; i < file.size(); ++i) {
      file.read(i, fields);
      for (size_t side = 0; side < 2; ++side) texts_[side].push_back(fields[side]);
    }
  }

  int64_t size() const override { return static_cast<int64_t>(texts_[0].size()); }
  int64_t vocabulary() const { return tokenizer_->vocabulary_size(); }

  // Both sides as wide as the longest text, so that they go through the encoder together.
  learn::Batch make(const std::vector<int64_t>& samples, uint64_t) const override {
    std::vector<std::string_view> texts;
    for (const auto& side : texts_) {
      for (const int64_t sample : samples) texts.push_back(side[static_cast<size_t>(sample)]);
    }
    const text::TokenizedTexts all = text::tokenize(*tokenizer_, texts, 256, 1);
    const auto rows = static_cast<int64_t>(texts.size());
    const at::Tensor length = at::empty({rows}, at::kLong);
    auto* lengths = length.data_ptr<int64_t>();
    int64_t longest = 1;
    for (int64_t i = 0; i < rows; ++i) {
      // Begin and end are no tokens of a static encoder.
      lengths[i] = static_cast<int64_t>(all[i].size()) - 2;
      longest = std::max(longest, lengths[i]);
    }
    const at::Tensor ids = at::zeros({rows, longest}, at::kLong);
    auto* to = ids.data_ptr<int64_t>();
    for (int64_t i = 0; i < rows; ++i, to += longest) {
      std::copy_n(all[i].begin() + 1, lengths[i], to);
    }
    learn::Batch batch;
    batch.index = at::tensor(samples);
    const at::Tensor id[2] = {ids.slice(0, 0, rows / 2), ids.slice(0, rows / 2)};
    const at::Tensor n[2] = {length.slice(0, 0, rows / 2), length.slice(0, rows / 2)};
    for (int side : {0, 1}) batch.views.push_back({{{"ids", id[side]}, {"length", n[side]}}});
    return batch;
  }

 private:
  std::unique_ptr<text::Tokenizer> tokenizer_;
  std::vector<std::string> texts_[2];
};

std::shared_ptr<const Captions> captions(benchmark::State& state) {
  static std::shared_ptr<const Captions> all;
  const char *data = std::getenv("VISTAS_DATA_BUILD"), *model = std::getenv("VISTAS_MINILM");
  const fs::path pairs = fs::path(data ? data : "") / "texts" / "multi30k-pairs.tsv";
  if (!all && model && fs::exists(pairs)) all = std::make_shared<Captions>(pairs, model);
  if (!all) state.SkipWithError("no VISTAS_MINILM or no pairs");
  at::set_num_threads(2);
  return all;
}

std::shared_ptr<text::StaticEncoder> encoder_for(const Captions& data) {
  return std::make_shared<text::StaticEncoder>(data.vocabulary(), text::StaticOptions{}, 1);
}

learn::OptimizerOptions lazy_adam() {
  return {.name = learn::OptimizerName::adam, .weight_decay = 0};
}

// An epoch from the first step to the last, as `vistas train` runs it.
void epoch(benchmark::State& state, bool bf16) {
  const auto data = captions(state);
  if (!data) return;
  learn::TrainParts parts;
  methods::RankingOptions options;
  options.loss.bf16 = bf16;
  parts.method = std::make_shared<methods::Ranking>(encoder_for(*data), options, 1);
  parts.data = data;
  parts.train.epochs = 1;
  parts.train.batch = kBatch;
  parts.train.device = "cpu";
  parts.train.loader_threads = 2;
  parts.optimizer = lazy_adam();
  parts.schedule = {.lr = 0.2, .lr_scaling = learn::LrScaling::none, .warmup_epochs = 0.1};
  parts.encoder_json = "{}";
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
  double best = 1e9;
  part();
  for ([[maybe_unused]] auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    part();
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  state.counters["best_ms"] = best * 1e3;
}

std::vector<int64_t> first_samples() {
  std::vector<int64_t> samples(kBatch);
  for (int64_t i = 0; i < kBatch; ++i) samples[static_cast<size_t>(i)] = i;
  return samples;
}

void tokenizing(benchmark::State& state) {
  const auto data = captions(state);
  if (!data) return;
  time_part(state, [&, samples = first_samples()] { data->make(samples, 0); });
}

// The two sides of a batch through the encoder; with a gradient also the way back.
void embedding(benchmark::State& state, bool gradient) {
  const auto data = captions(state);
  if (!data) return;
  const auto encoder = encoder_for(*data);
  const learn::Batch batch = data->make(first_samples(), 0);
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
  const auto data = captions(state);
  if (!data) return;
  const auto encoder = encoder_for(*data);
  const at::Tensor weight = encoder->parameters().front();
  encoder->forward(learn::cat(data->make(first_samples(), 0).views)).sum().backward();
  const at::Tensor gradient = weight.grad();
  const auto adam = learn::make_optimizer(lazy_adam(), {{"weight", weight}});
  time_part(state, [&] { adam->step(1e-3); });
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
