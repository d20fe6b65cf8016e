// What every registered method must do, on small pictures of four kinds with noise.
#include "vistas/recipe/methods.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "support/options_round_trip.h"
#include "vistas/base/files.h"
#include "vistas/base/random.h"
#include "vistas/learn/trainer.h"
#include "vistas/recipe/config.h"
#include "vistas/vision/encoders/encoders.h"

namespace fs = std::filesystem;

namespace vistas::recipe {
namespace {

constexpr int64_t kKinds = 4, kBatch = 16, kSamples = 64, kLarge = 24, kSmall = 16;

// A wave of a direction for each kind, its phase by view, in noise.
class Waves : public learn::BatchMaker {
 public:
  explicit Waves(int64_t small) : small_(small) {}
  int64_t size() const override { return kSamples; }
  learn::Batch make(const std::vector<int64_t>& samples, uint64_t epoch) const override {
    learn::Batch batch;
    batch.index = at::tensor(samples);
    batch.label = batch.index.remainder(kKinds);
    for (int64_t view = 0; view < 2 + small_; ++view) {
      const int64_t side = view < 2 ? kLarge : kSmall;
      const at::Tensor along = at::arange(side).to(at::kFloat);
      std::vector<at::Tensor> pictures;
      for (const int64_t sample : samples) {
        Draws draws({1, epoch, static_cast<uint64_t>(sample), static_cast<uint32_t>(view)});
        const double angle = 0.785 * static_cast<double>(sample % kKinds);
        const double phase = draws.uniform(0, 6.28);
        const at::Tensor wave =
            (along.unsqueeze(1) * std::cos(angle) + along.unsqueeze(0) * std::sin(angle) + phase)
                .sin();
        at::Generator noise = learn::initial_values(draws.bits());
        pictures.push_back(wave + at::empty({3, side, side}).normal_(0, 0.2, noise));
      }
      batch.views.push_back({{{"pixels", at::stack(pictures)}}});
    }
    return batch;
  }

 private:
  int64_t small_;
};

// Small heads, prototypes and queues for the methods that have them.
Config config_of(const std::string& method) {
  Value values = parse_toml("method.name = \"" + method + "\"", "test");
  Config config(values);
  const Fields fields = config.fields();
  for (const Field& field : fields.all()) {
    const auto set = [&](const std::string& name, int64_t value) {
      if (field.name == "method." + name) field.set(Value{.data = value});
    };
    set("projector.hidden", 32);
    set("projector.out", 16);
    set("predictor.hidden", 32);
    set("prototypes", 12);
    set("freeze_steps", 1);
    set("queue", kSamples / 4);
    set("batch_norm_splits", 4);
    if (field.name == "method.teacher.momentum") field.set(Value{.data = 0.9});
    if (field.name == "method.teacher.final_momentum") field.set(Value{.data = 0.99});
  }
  config.encoder.name = "conv4";
  config.encoder.width = 8;
  config.encoder.channels = 3;
  config.encoder.image_size = kSmall;
  return config;
}

learn::TrainParts parts_of(const std::string& method, int64_t steps,
                           const std::string& device = "cpu") {
  const Config config = config_of(method);
  learn::TrainParts parts;
  parts.method = config.method->build(
      [&](uint64_t seed) { return vision::make_encoder(config.encoder, seed); }, 3);
  const bool multi_crop = method == "swav" || method == "dino";
  parts.data = std::make_shared<Waves>(multi_crop ? 2 : 0);
  parts.train.steps = steps;
  parts.train.batch = kBatch;
  parts.train.precision = "fp32";
  parts.train.device = device;
  parts.train.loader_threads = 2;
  parts.train.log_every = 1;
  parts.optimizer.weight_decay = 1e-4;
  // Twelve large steps would flatten these before they learn.
  const bool gently = method == "barlow" || method == "dino";
  parts.schedule.lr = gently ? 0.005 : 0.05;
  parts.schedule.lr_scaling = learn::LrScaling::none;
  parts.schedule.warmup_epochs = 0;
  parts.encoder_json = "{}";
  return parts;
}

struct Watch : learn::TrainObserver {
  void on_report(const learn::StepReport& report) override {
    reports.push_back(report);
    if (stop_at == report.step) stop = true;
  }
  std::vector<learn::StepReport> reports;
  int64_t stop_at = 0;
  std::atomic<bool> stop{false};
};

double mean_loss(const std::vector<learn::StepReport>& reports, size_t begin, size_t end) {
  double sum = 0;
  for (size_t i = begin; i < end; ++i) sum += reports[i].loss;
  return sum / static_cast<double>(end - begin);
}

std::vector<std::string> names() {
  std::vector<std::string> out;
  for (const MethodEntry& entry : methods()) out.push_back(entry.name);
  return out;
}

class Contract : public testing::TestWithParam<std::string> {
 protected:
  Contract() : root_(fs::temp_directory_path() / ("vistas-methods-" + std::to_string(getpid()))) {
    fs::remove_all(root_);
  }
  ~Contract() override { fs::remove_all(root_); }
  RunFolder make_run(const std::string& name) {
    const RunFolder run = RunFolder::create(root_ / name);
    write_file_atomic(run.config(), "");
    return run;
  }
  fs::path root_;
};

TEST_P(Contract, LearnsWithoutCollapse) {
  Watch watch;
  learn::Trainer(parts_of(GetParam(), 12)).run(nullptr, watch, watch.stop);
  ASSERT_EQ(watch.reports.size(), 12U);
  for (const auto& report : watch.reports) EXPECT_TRUE(std::isfinite(report.loss));
  // A queue is full after two steps; before, negatives are easier.
  EXPECT_LT(mean_loss(watch.reports, 9, 12), mean_loss(watch.reports, 2, 4));
  // An untrained network this small may spread its embeddings over hardly two dimensions already,
  // which is then no verdict on the method.
  const learn::Health &first = watch.reports.front().health, &last = watch.reports.back().health;
  if (first.verdict.empty()) {
    EXPECT_EQ(last.verdict, "");
  }
  EXPECT_GT(last.std, first.std / 4);
}

TEST_P(Contract, RunsAreRepeatedAndResumedToTheBit) {
  const RunFolder whole = make_run("whole"), split = make_run("split");
  Watch all, some, rest;
  learn::Trainer(parts_of(GetParam(), 8)).run(&whole, all, all.stop);
  some.stop_at = 3;
  EXPECT_TRUE(learn::Trainer(parts_of(GetParam(), 8)).run(&split, some, some.stop).stopped);
  learn::Trainer again(parts_of(GetParam(), 8));
  again.resume(split);
  again.run(&split, rest, rest.stop);
  for (const char* file : {"encoder.safetensors", "state.safetensors"}) {
    EXPECT_EQ(read_file(whole.checkpoint() / file), read_file(split.checkpoint() / file)) << file;
  }
}

TEST_P(Contract, OptionsComeBackFromTheirText) {
  Config config = config_of(GetParam());
  const Config again(parse_toml(config.to_toml(), "test"));
  EXPECT_EQ(differences(config, again), std::vector<std::string>{});
  EXPECT_FALSE(config.fields().all().empty());
  expect_options_round_trip(method_named(GetParam(), "test").choose);
}

TEST_P(Contract, SettingsForDataWithoutARecipeAreOptions) {
  const MethodEntry& entry = method_named(GetParam(), "test");
  Value values = parse_toml("method.name = \"" + entry.name + "\"", "test");
  merge_into(values, parse_toml(entry.settings, entry.name));
  const Config config(values);
  EXPECT_EQ(config.view_options.recipe, entry.views);
}

TEST_P(Contract, IsDocumented) {
  const std::string page = read_file(fs::path(VISTAS_SOURCE_DIR) / "docs" / "methods.md");
  EXPECT_NE(page.find("| `" + GetParam() + "` |"), std::string::npos);
}

TEST_P(Contract, HasRecipes) {
  for (const char* data : {"cifar10-500", "folder"}) {
    const fs::path file =
        fs::path(VISTAS_SOURCE_DIR) / "recipes" / "vision" / (GetParam() + "-" + data + ".toml");
    SCOPED_TRACE(file.string());
    const Config config(read_toml(file));
    EXPECT_EQ(config.method_name, GetParam());
    EXPECT_TRUE(config.train.micro_batch == 0 ||
                config.train.batch % config.train.micro_batch == 0);
  }
}

TEST_P(Contract, GpuLearnsAsTheCpuDoes) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no CUDA device";
  Watch cpu, cuda;
  learn::Trainer(parts_of(GetParam(), 12)).run(nullptr, cpu, cpu.stop);
  learn::Trainer(parts_of(GetParam(), 12, "cuda")).run(nullptr, cuda, cuda.stop);
  ASSERT_EQ(cuda.reports.size(), 12U);
  // Rounding grows from step to step.
  EXPECT_NEAR(cuda.reports[0].loss, cpu.reports[0].loss, 1e-3 * std::abs(cpu.reports[0].loss));
  EXPECT_LT(mean_loss(cuda.reports, 9, 12), mean_loss(cuda.reports, 2, 4));
}

INSTANTIATE_TEST_SUITE_P(Every, Contract, testing::ValuesIn(names()),
                         [](const auto& param) { return param.param; });

}  // namespace
}  // namespace vistas::recipe
