// A step in micro-batches is the step of the whole batch: gradients, order, statistics, memory.
#include "vistas/learn/gradient_cache.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <map>

#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/base/random.h"
#include "vistas/contrast/clip.h"
#include "vistas/contrast/nt_xent.h"
#include "vistas/learn/layers.h"
#include "vistas/learn/trainer.h"

namespace fs = std::filesystem;

namespace vistas::learn {
namespace {

constexpr int64_t kDim = 12, kSamples = 64;

// Bytes of watched tensors that are alive, and the most there were.
struct Watch {
  std::atomic<int64_t> alive{0}, peak{0};

  at::Tensor watched(const at::Tensor& values) {
    const auto bytes = static_cast<int64_t>(values.nbytes());
    const int64_t now = alive += bytes;
    for (int64_t most = peak; now > most && !peak.compare_exchange_weak(most, now);) {
    }
    return at::from_blob(
        values.mutable_data_ptr(), values.sizes(), [this, values, bytes](void*) { alive -= bytes; },
        values.options());
  }
};

// Two noisy views of a point that is the sample's own.
class Points : public BatchMaker {
 public:
  explicit Points(at::ScalarType type = at::kFloat) : type_(type) {}
  int64_t size() const override { return kSamples; }
  Batch make(const std::vector<int64_t>& samples, uint64_t epoch) const override {
    const auto n = static_cast<int64_t>(samples.size());
    Batch batch;
    batch.index = at::tensor(samples);
    for (uint32_t view = 0; view < 2; ++view) {
      const at::Tensor x = at::empty({n, kDim});
      auto* out = x.mutable_data_ptr<float>();
      for (const int64_t sample : samples) {
        Draws point({7, 0, static_cast<uint64_t>(sample), 9});
        Draws noise({7, epoch, static_cast<uint64_t>(sample), view});
        for (int64_t d = 0; d < kDim; ++d) {
          *out++ = static_cast<float>(point.normal() + 0.3 * noise.normal());
        }
      }
      batch.views.push_back({{{"x", watch.watched(x.to(type_))}}});
    }
    return batch;
  }

  mutable Watch watch;

 private:
  at::ScalarType type_;
};

struct NetworkOptions {
  at::ScalarType type = at::kFloat;
  double dropout = 0.3;
  bool norm = false;
};

class Network : public Encoder {
 public:
  explicit Network(const NetworkOptions& options) : options_(options) {
    auto generator = initial_values(3);
    const auto weight = [&](const char* name) {
      return register_parameter(name, 0.3 * at::randn({kDim, kDim}, generator).to(options.type));
    };
    first_ = weight("first");
    second_ = weight("second");
    if (options.norm) norm_ = register_module("norm", std::make_shared<BatchNorm>(kDim));
  }
  at::Tensor forward(const Inputs& inputs) override {
    at::Tensor x = inputs.at("x");
    if (norm_) x = norm_->forward(x);
    x = x.matmul(first_).tanh();
    x = x * watch.watched(at::ones_like(x));  // kept for the backward pass
    return at::dropout(x, options_.dropout, is_training()).matmul(second_);
  }
  int64_t dim() const override { return kDim; }

  Watch watch;
  std::shared_ptr<BatchNorm> norm_;

 private:
  NetworkOptions options_;
  at::Tensor first_, second_;
};

enum class Loss { nt_xent, clip };

// Two live embeddings; the fixed one is what a teacher would say. clip has a temperature to learn.
class TwoViews : public Method {
 public:
  TwoViews(Loss loss, const NetworkOptions& options)
      : network(register_module("network", std::make_shared<Network>(options))), loss_(loss) {
    if (loss == Loss::clip) {
      log_scale_ = register_parameter("log_scale", at::full({}, 1.5, options.type));
    }
  }
  Embeddings embed(const Batch& batch) override {
    Embeddings z;
    for (const Inputs& view : batch.views) z.live.push_back(network->forward(view));
    if (!replaying()) {
      ++teacher_passes;
      z.fixed.push_back(batch.views[0].at("x").cos());
    }
    return z;
  }
  at::Tensor loss(const Embeddings& z, const Batch&) override {
    const at::Tensor away = (z.live[0] * z.fixed[0]).mean();
    if (loss_ == Loss::nt_xent) return contrast::nt_xent(z.live[0], z.live[1]) + away;
    return contrast::clip_loss(z.live[0], z.live[1], log_scale_) + away;
  }
  std::shared_ptr<Encoder> encoder() const override { return network; }
  int64_t negatives(int64_t batch) const override { return 2 * (batch - 1); }

  std::shared_ptr<Network> network;
  int64_t teacher_passes = 0;

 private:
  Loss loss_;
  at::Tensor log_scale_;
};

using Gradients = std::map<std::string, at::Tensor>;

// The gradients of the last step, which are taken away from the method.
Gradients take_gradients(Method& method) {
  Gradients out;
  for (auto& item : method.named_parameters()) {
    EXPECT_TRUE(item.value().grad().defined()) << item.key();
    out[item.key()] = item.value().grad().clone();
    item.value().mutable_grad().reset();
  }
  return out;
}

// The largest difference, relative to the largest number of each gradient.
double distance(const Gradients& a, const Gradients& b) {
  EXPECT_EQ(a.size(), b.size());
  double most = 0;
  for (const auto& [name, gradient] : a) {
    const double scale = gradient.abs().max().item<double>();
    EXPECT_GT(scale, 1e-4) << name;
    most = std::max(most, (gradient - b.at(name)).abs().max().item<double>() / scale);
  }
  return most;
}

Embeddings embed_with(Method& method, const Batch& batch, uint64_t extra = 0) {
  at::manual_seed(batch.key + extra);
  return method.embed(batch);
}

// What is to be had: every micro-batch embedded with a graph, and one loss over all.
Gradients one_graph(Method& method, const std::vector<Batch>& parts) {
  std::vector<std::vector<at::Tensor>> live(2);
  std::vector<at::Tensor> fixed;
  for (const Batch& part : parts) {
    const Embeddings z = embed_with(method, part);
    for (size_t i = 0; i < live.size(); ++i) live[i].push_back(z.live[i]);
    fixed.push_back(z.fixed[0]);
  }
  method.loss({{at::cat(live[0]), at::cat(live[1])}, {at::cat(fixed)}}, {}).backward();
  return take_gradients(method);
}

// Both passes; the second with another randomness where `extra` is not 0.
Gradients cached(Method& method, const std::vector<Batch>& parts, uint64_t extra = 0) {
  size_t turn = 0;
  MicroBatches micro{.count = static_cast<int64_t>(parts.size()),
                     .next = [&] { return parts[turn++ % parts.size()]; },
                     .embed = [&](const Batch& batch) { return embed_with(method, batch); }};
  EmbeddedBatch whole = embed_micro_batches(micro);
  method.loss(whole.embeddings, whole.batch).backward();
  micro.embed = [&](const Batch& batch) { return embed_with(method, batch, extra); };
  replay_micro_batches(method, micro, whole);
  return take_gradients(method);
}

std::vector<Batch> parts_of(const std::vector<std::vector<int64_t>>& samples, at::ScalarType type) {
  const Points points(type);
  std::vector<Batch> parts;
  for (const auto& some : samples) {
    parts.push_back(points.make(some, 0));
    // Tensors of their own, which outlive the maker.
    for (Inputs& view : parts.back().views) view.tensors[0].second = view.at("x").clone();
    parts.back().key = 100 + parts.size();
  }
  return parts;
}

std::vector<Batch> three_parts(at::ScalarType type) {
  return parts_of({{1, 2, 3, 4, 5}, {9, 8, 7, 6, 0}, {20, 21, 22}}, type);
}

TEST(GradientCache, GradientsAreThoseOfOneGraphWithDropout) {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    for (const Loss loss : {Loss::nt_xent, Loss::clip}) {
      TwoViews method(loss, {.type = type});
      const auto parts = three_parts(type);
      const Gradients expected = one_graph(method, parts);
      EXPECT_LE(distance(expected, cached(method, parts)), type == at::kFloat ? 1e-6 : 1e-12);
      EXPECT_GT(distance(expected, cached(method, parts, 1)), 0.01) << "dropout is not active";
    }
  }
}

TEST(GradientCache, ManyPartsHaveTheGradientsOfOneGraph) {
  TwoViews method(Loss::nt_xent, {.type = at::kDouble});
  std::vector<std::vector<int64_t>> pairs;
  for (int64_t first = 0; first < 20; first += 2) pairs.push_back({first, first + 1});
  const auto parts = parts_of(pairs, at::kDouble);
  EXPECT_LE(distance(one_graph(method, parts), cached(method, parts)), 1e-12);
}

TEST(GradientCache, TheWholeBatchIsItsPartsInOrder) {
  TwoViews method(Loss::nt_xent, {});
  auto parts = three_parts(at::kFloat);
  for (Batch& part : parts) part.label = part.index + 50;
  size_t turn = 0;
  const EmbeddedBatch whole =
      embed_micro_batches({.count = 3,
                           .next = [&] { return parts[turn++]; },
                           .embed = [&](const Batch& batch) { return embed_with(method, batch); }});
  const at::Tensor index = at::tensor({1, 2, 3, 4, 5, 9, 8, 7, 6, 0, 20, 21, 22}, at::kLong);
  EXPECT_TRUE(at::equal(whole.batch.index, index));
  EXPECT_TRUE(at::equal(whole.batch.label, index + 50));
  EXPECT_FALSE(whole.batch.group.defined());
  ASSERT_EQ(whole.embeddings.live.size(), 2);
  for (const at::Tensor& z : whole.embeddings.live) {
    EXPECT_TRUE(z.is_leaf() && z.requires_grad());
    EXPECT_EQ(z.size(0), 13);
  }
  EXPECT_FALSE(whole.embeddings.fixed[0].requires_grad());
}

TEST(GradientCache, AFrozenEncoderLeavesTheGradientsOfTheLoss) {
  TwoViews method(Loss::clip, {});
  for (auto& p : method.network->parameters()) p.set_requires_grad(false);
  const auto parts = three_parts(at::kFloat);
  size_t turn = 0;
  const MicroBatches micro{.count = 3,
                           .next = [&] { return parts[turn++ % 3]; },
                           .embed = [&](const Batch& b) { return embed_with(method, b); }};
  EmbeddedBatch whole = embed_micro_batches(micro);
  method.loss(whole.embeddings, whole.batch).backward();
  replay_micro_batches(method, micro, whole);
  EXPECT_TRUE(method.named_parameters()["log_scale"].grad().defined());
  EXPECT_FALSE(method.named_parameters()["network.first"].grad().defined());
}

struct Toy {
  std::shared_ptr<TwoViews> method;
  std::shared_ptr<Points> points;
  TrainParts parts;
};

Toy make_toy(int64_t batch, int64_t micro_batch, const NetworkOptions& options = {},
             Loss loss = Loss::nt_xent) {
  Toy r{std::make_shared<TwoViews>(loss, options), std::make_shared<Points>(options.type), {}};
  r.parts.method = r.method;
  r.parts.data = r.points;
  r.parts.train = {.epochs = 3,
                   .batch = batch,
                   .micro_batch = micro_batch,
                   .precision = "fp32",
                   .device = "cpu",
                   .loader_threads = 1,
                   .log_every = 1};
  r.parts.optimizer.name = OptimizerName::sgd;
  r.parts.schedule.lr = 0.3;
  r.parts.schedule.lr_scaling = LrScaling::none;
  r.parts.schedule.warmup_epochs = 0;
  r.parts.encoder_files = {{"encoder.json", "{}"}};
  return r;
}

// One step that moves no weights.
void rest_one_step(Toy& run) {
  run.parts.train.steps = 1;
  run.parts.schedule.lr = 1e-30;
  TrainObserver silent;
  const std::atomic<bool> go_on{false};
  Trainer(run.parts).run(nullptr, silent, go_on);
}

TEST(MicroBatches, AStepHasTheGradientsOfTheWholeBatch) {
  for (const Loss loss : {Loss::nt_xent, Loss::clip}) {
    Toy plain = make_toy(32, 0, {.dropout = 0}, loss),
        micro = make_toy(32, 8, {.dropout = 0}, loss);
    rest_one_step(plain);
    rest_one_step(micro);
    EXPECT_LE(distance(take_gradients(*plain.method), take_gradients(*micro.method)), 1e-6);
  }
}

TEST(MicroBatches, AStepReplaysTheRandomnessOfTheNetwork) {
  Toy run = make_toy(32, 8);
  rest_one_step(run);
  const Gradients gradients = take_gradients(*run.method);
  Loader loader(run.points, {.batch = 32, .micro_batch = 8, .end_step = 1});
  std::vector<Batch> parts;
  for (int i = 0; i < 4; ++i) parts.push_back(loader.next());
  EXPECT_LE(distance(one_graph(*run.method, parts), gradients), 1e-6);
}

TEST(MicroBatches, TeachersWorkInPassOneOnly) {
  Toy run = make_toy(32, 8);
  rest_one_step(run);
  EXPECT_EQ(run.method->teacher_passes, 4);
  EXPECT_FALSE(run.method->replaying());
}

TEST(MicroBatches, RunningStatisticsMoveOnceAsFarAsInOneBatch) {
  Toy run = make_toy(32, 8, {.norm = true});
  rest_one_step(run);
  Loader loader(run.points, {.batch = 32, .micro_batch = 8, .end_step = 1});
  const double momentum = 1 - std::pow(0.9, 0.25);
  at::Tensor mean = at::zeros({kDim}), variance = at::ones({kDim});
  for (int i = 0; i < 4; ++i) {
    for (const Inputs& view : loader.next().views) {
      mean += momentum * (view.at("x").mean(0) - mean);
      variance += momentum * (view.at("x").var(0) - variance);
    }
  }
  const auto buffers = run.method->network->norm_->named_buffers();
  EXPECT_LE((buffers["running_mean"] - mean).abs().max().item<double>(), 1e-6);
  EXPECT_LE((buffers["running_var"] - variance).abs().max().item<double>(), 1e-6);
  EXPECT_EQ(buffers["num_batches_tracked"].item<int64_t>(), 8);  // 4 parts of 2 views
}

// The most bytes of views and of activations at once in a few steps.
std::pair<int64_t, int64_t> peaks(int64_t batch, int64_t micro_batch) {
  Toy run = make_toy(batch, micro_batch);
  Trainer(run.parts).time_steps(2, 60);
  return {run.points->watch.peak, run.method->network->watch.peak};
}

TEST(MicroBatches, MemoryDoesNotGrowWithTheBatch) {
  constexpr int64_t kRow = 2 * kDim * int64_t{sizeof(float)};  // of both views
  const auto [views16, activations16] = peaks(16, 4);
  const auto [views64, activations64] = peaks(64, 4);
  EXPECT_EQ(activations16, 4 * kRow);
  EXPECT_EQ(activations64, 4 * kRow);
  // One at hand and the loader's two.
  EXPECT_LE(views16, 3 * 4 * kRow);
  EXPECT_LE(views64, 3 * 4 * kRow);
  const auto [views, activations] = peaks(64, 0);
  EXPECT_EQ(activations, 64 * kRow);
  EXPECT_GE(views, 64 * kRow);
}

TEST(MicroBatches, ABatchThatIsNoMultipleIsRefusedWithADivisor) {
  try {
    Trainer(make_toy(32, 12).parts);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_NE(std::string(error.what()).find("train.micro_batch=8"), std::string::npos)
        << error.what();
  }
  EXPECT_THROW(Trainer(make_toy(32, 64).parts), Error);
}

// Reports of a run, and a stop after `last` steps.
class Reports : public TrainObserver {
 public:
  explicit Reports(int64_t last = 1'000'000) : last_(last) {}
  void on_report(const StepReport& report) override {
    all.push_back(report);
    stop = report.step >= last_;
  }

  std::vector<StepReport> all;
  std::atomic<bool> stop{false};

 private:
  int64_t last_;
};

TEST(MicroBatches, ReportsAreThoseOfThePlainRun) {
  Reports plain, micro;
  Trainer(make_toy(16, 0, {.dropout = 0}).parts).run(nullptr, plain, plain.stop);
  Trainer(make_toy(16, 4, {.dropout = 0}).parts).run(nullptr, micro, micro.stop);
  ASSERT_EQ(plain.all.size(), 12);
  ASSERT_EQ(micro.all.size(), 12);
  for (size_t i = 0; i < 12; ++i) {
    const StepReport &a = plain.all[i], &b = micro.all[i];
    EXPECT_EQ(a.step, b.step);
    EXPECT_EQ(a.total, b.total);
    EXPECT_NEAR(a.loss, b.loss, 1e-4);
    EXPECT_NEAR(a.health.effective_rank, b.health.effective_rank, 1e-2);
    EXPECT_NEAR(a.health.alignment, b.health.alignment, 1e-4);
    EXPECT_NEAR(a.health.gradient_norm, b.health.gradient_norm, 1e-4);
    EXPECT_GT(b.samples_per_second, 0);
  }
}

class MicroBatchRuns : public testing::Test {
 protected:
  MicroBatchRuns()
      : root_(fs::temp_directory_path() / ("vistas-micro-" + std::to_string(getpid()))) {
    fs::remove_all(root_);
  }
  ~MicroBatchRuns() override { fs::remove_all(root_); }

  RunFolder train(const std::string& name, const Toy& run) {
    const RunFolder folder = RunFolder::create(root_ / name);
    write_file_atomic(folder.config(), "");
    Reports reports;
    Trainer(run.parts).run(&folder, reports, reports.stop);
    return folder;
  }
  static void expect_equal(const RunFolder& a, const RunFolder& b) {
    for (const char* file : {"encoder.safetensors", "state.safetensors"}) {
      EXPECT_EQ(read_file(a.checkpoint("last") / file), read_file(b.checkpoint("last") / file))
          << file;
    }
  }

  fs::path root_;
};

TEST_F(MicroBatchRuns, OneMicroBatchIsThePlainRunBitForBit) {
  expect_equal(train("plain", make_toy(16, 0)), train("micro", make_toy(16, 16)));
}

TEST_F(MicroBatchRuns, ResumingIsExact) {
  const RunFolder whole = train("whole", make_toy(16, 4, {.norm = true}));
  const RunFolder split = RunFolder::create(root_ / "split");
  write_file_atomic(split.config(), "");
  Reports stopper(6);  // epochs have four steps
  EXPECT_TRUE(
      Trainer(make_toy(16, 4, {.norm = true}).parts).run(&split, stopper, stopper.stop).stopped);
  Trainer again(make_toy(16, 4, {.norm = true}).parts);
  again.resume(split);
  EXPECT_EQ(again.step(), 6);
  Reports rest;
  again.run(&split, rest, rest.stop);
  expect_equal(whole, split);
}

}  // namespace
}  // namespace vistas::learn
