// The training loop on a toy: half of the dimensions tell one of eight kinds of points apart, the
// other half is noise that an encoder learns to ignore.
#include "vistas/learn/trainer.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/base/random.h"
#include "vistas/contrast/nt_xent.h"
#include "vistas/learn/tensors.h"

namespace fs = std::filesystem;

namespace vistas::learn {
namespace {

constexpr int64_t kKinds = 8, kDim = 16;

class Points : public BatchMaker {
 public:
  int64_t size() const override { return 64; }
  Batch make(const std::vector<int64_t>& samples, uint64_t epoch) const override {
    const auto n = static_cast<int64_t>(samples.size());
    Batch batch;
    batch.index = at::tensor(samples);
    for (uint32_t view = 0; view < 2; ++view) {
      at::Tensor x = at::zeros({n, kDim});
      auto rows = x.accessor<float, 2>();
      for (int64_t i = 0; i < n; ++i) {
        const auto sample = samples[static_cast<size_t>(i)];
        Draws draws({1, epoch, static_cast<uint64_t>(sample), view});
        for (int64_t d = 0; d < kDim; ++d) {
          const double noise = draws.normal();
          rows[i][d] = static_cast<float>(
              d >= kKinds ? noise : (d == sample % kKinds ? 1 : 0) + 0.1 * noise);
        }
      }
      batch.views.push_back({{{"x", x}}});
    }
    return batch;
  }
};

// One linear layer with dropout, so that resuming needs the network's randomness too.
class Linear : public Encoder {
 public:
  Linear() {
    at::manual_seed(5);
    weight_ = register_parameter("weight", at::randn({kDim, kDim}) * 0.3);
    seen_ = register_buffer("seen", at::zeros({1}));
  }
  at::Tensor forward(const Inputs& inputs) override {
    if (is_training()) seen_.add_(1);
    return at::dropout(inputs.at("x"), 0.2, is_training()).matmul(weight_.t());
  }
  int64_t dim() const override { return kDim; }

 private:
  at::Tensor weight_, seen_;
};

class Pairs : public Method {
 public:
  explicit Pairs(double scale = 1)
      : encoder_(register_module("encoder", std::make_shared<Linear>())), scale_(scale) {
    head_ = register_parameter("head", at::eye(kDim));
  }
  Embeddings embed(const Batch& batch) override {
    return {{encoder_->forward(batch.views[0]).matmul(head_),
             encoder_->forward(batch.views[1]).matmul(head_)},
            {}};
  }
  at::Tensor loss(const Embeddings& z, const Batch&) override {
    return scale_ * contrast::nt_xent(z.live[0], z.live[1]);
  }
  std::shared_ptr<Encoder> encoder() const override { return encoder_; }
  int64_t negatives(int64_t batch) const override { return 2 * (batch - 1); }

 private:
  std::shared_ptr<Linear> encoder_;
  at::Tensor head_;
  double scale_;
};

TrainParts parts(int64_t epochs, double scale = 1) {
  TrainParts p;
  p.method = std::make_shared<Pairs>(scale);
  p.data = std::make_shared<Points>();
  p.train.epochs = epochs;
  p.train.batch = 16;
  p.train.precision = "fp32";
  p.train.device = "cpu";
  p.train.loader_threads = 2;
  p.train.log_every = 3;
  p.optimizer.name = OptimizerName::sgd;
  p.schedule.lr = 0.5;
  p.schedule.lr_scaling = LrScaling::none;
  p.encoder_files = {{"encoder.json", "{}"}};
  return p;
}

class TrainerTest : public testing::Test {
 protected:
  TrainerTest() : root_(fs::temp_directory_path() / ("vistas-train-" + std::to_string(getpid()))) {
    fs::remove_all(root_);
  }
  ~TrainerTest() override { fs::remove_all(root_); }
  RunFolder make_run(const std::string& name) {
    const RunFolder run = RunFolder::create(root_ / name);
    write_file_atomic(run.config(), "");
    return run;
  }

  fs::path root_;
  std::atomic<bool> go_on_{false};
};

// Sets a stop flag after a number of steps, as a signal would.
class StopAfter : public TrainObserver {
 public:
  StopAfter(std::atomic<bool>& stop, int64_t step) : stop_(stop), step_(step) {}
  void on_report(const StepReport& report) override { stop_ = report.step >= step_; }

 private:
  std::atomic<bool>& stop_;
  int64_t step_;
};

TEST_F(TrainerTest, LearnsAndWritesARun) {
  const RunFolder run = make_run("a");
  TrainObserver silent;
  Trainer trainer(parts(20));
  const TrainResult result = trainer.run(&run, silent, go_on_);
  EXPECT_EQ(result.step, 80);
  EXPECT_FALSE(result.stopped);
  std::ifstream metrics(run.path() / "metrics.jsonl");
  std::string first;
  std::getline(metrics, first);
  EXPECT_NE(first.find("\"effective_rank\""), std::string::npos);
  const double before = nlohmann::json::parse(first)["loss"];
  EXPECT_LT(result.loss, 0.8 * before);
  EXPECT_TRUE(fs::exists(run.checkpoint() / "encoder.safetensors"));
}

TEST_F(TrainerTest, AResumedRunIsBitIdenticalInTheMiddleOfAnEpochToo) {
  const RunFolder whole = make_run("whole");
  TrainObserver silent;
  Trainer(parts(5)).run(&whole, silent, go_on_);

  const RunFolder split = make_run("split");
  std::atomic<bool> stop{false};
  StopAfter stopper(stop, 9);  // epochs have four steps
  const TrainResult first = Trainer(parts(5)).run(&split, stopper, stop);
  EXPECT_TRUE(first.stopped);
  EXPECT_EQ(first.step, 9);
  Trainer again(parts(5));
  again.resume(split);
  again.run(&split, silent, go_on_);

  for (const char* file : {"encoder.safetensors", "state.safetensors"}) {
    EXPECT_EQ(read_file(whole.checkpoint() / file), read_file(split.checkpoint() / file)) << file;
  }
}

TEST_F(TrainerTest, ARunOfAnotherLengthIsNotResumed) {
  const RunFolder run = make_run("a");
  TrainObserver silent;
  Trainer(parts(2)).run(&run, silent, go_on_);
  Trainer longer(parts(3));
  EXPECT_THROW(longer.resume(run), Error);
}

TEST_F(TrainerTest, ALossThatIsNotFiniteStopsWithAUsableCheckpoint) {
  const RunFolder run = make_run("a");
  TrainObserver silent;
  Trainer(parts(1)).run(&run, silent, go_on_);
  Trainer broken(parts(1, std::numeric_limits<double>::infinity()));
  try {
    broken.run(&run, silent, go_on_);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::numeric);
    EXPECT_NE(std::string(error.what()).find("step 0"), std::string::npos) << error.what();
  }
  Trainer usable(parts(1));
  EXPECT_NO_THROW(usable.resume(run));
}

TEST_F(TrainerTest, TheBestCheckpointFollowsTheScore) {
  const RunFolder run = make_run("a");
  TrainParts p = parts(4);
  p.train.score_every = 1;
  std::vector<double> scores{0.2, 0.7, 0.5, 0.6};
  size_t at = 0;
  p.score = [&](Encoder& encoder) {
    EXPECT_FALSE(encoder.is_training());
    return scores[at++];
  };
  TrainObserver silent;
  const TrainResult result = Trainer(std::move(p)).run(&run, silent, go_on_);
  EXPECT_EQ(result.best_score, 0.7);
  EXPECT_EQ(fs::read_symlink(run.path() / "checkpoints/best"), "step-000008");
}

TEST_F(TrainerTest, PatienceEndsARunAndItStaysEnded) {
  const auto with_scores = [&](std::vector<double> scores) {
    TrainParts p = parts(6);
    p.train.score_every = 1;
    p.train.patience = 2;
    p.score = [scores, at = size_t{0}](Encoder&) mutable { return scores.at(at++); };
    return p;
  };
  TrainObserver silent;
  const RunFolder run = make_run("a");
  const TrainResult result = Trainer(with_scores({0.2, 0.7, 0.5, 0.6})).run(&run, silent, go_on_);
  EXPECT_EQ(result.step, 16) << "of 24: two scores without a better one";
  EXPECT_FALSE(result.stopped);
  EXPECT_EQ(fs::read_symlink(run.path() / "checkpoints/last"), "step-000016");
  Trainer again(with_scores({}));
  again.resume(run);
  EXPECT_TRUE(again.done());
  EXPECT_EQ(again.run(&run, silent, go_on_).step, 16);
  // Better ones in time let it go on.
  EXPECT_EQ(Trainer(with_scores({0.2, 0.1, 0.3, 0.2, 0.4, 0.1})).run(nullptr, silent, go_on_).step,
            24);
}

TEST_F(TrainerTest, ScoringChangesNothing) {
  TrainObserver silent;
  const RunFolder plain = make_run("plain"), scored = make_run("scored");
  Trainer(parts(3)).run(&plain, silent, go_on_);
  TrainParts p = parts(3);
  p.train.score_every = 1;
  p.score = [](Encoder& encoder) {
    encoder.forward({{{"x", at::randn({4, kDim})}}});
    return 0.0;
  };
  Trainer(std::move(p)).run(&scored, silent, go_on_);
  EXPECT_EQ(read_file(plain.checkpoint() / "encoder.safetensors"),
            read_file(scored.checkpoint() / "encoder.safetensors"));
}

TEST_F(TrainerTest, FrozenParametersKeepTheirValues) {
  TrainObserver silent;
  TrainParts p = parts(2);
  p.train.frozen = {"encoder.wei"};
  const auto method = p.method;
  const at::Tensor before = method->named_parameters()["encoder.weight"].detach().clone();
  Trainer(std::move(p)).run(nullptr, silent, go_on_);
  EXPECT_TRUE(method->named_parameters()["encoder.weight"].equal(before));
  EXPECT_FALSE(method->named_parameters()["head"].equal(at::eye(kDim)));
  p = parts(2);
  p.train.frozen = {"decoder"};
  EXPECT_THROW(Trainer(std::move(p)), Error);
}

TEST(Health, NamesALossThatGrowsWithoutEnd) {
  const Embeddings spread{{at::randn({64, 8}), at::randn({64, 8})}, {}};
  EXPECT_EQ(measure_health(spread, 1, {}, {.first = 5, .now = 400}).verdict, "");
  EXPECT_NE(measure_health(spread, 1, {}, {.first = 5, .now = 501}).verdict.find("diverg"),
            std::string::npos);
  EXPECT_EQ(measure_health(spread, 1, {}, {.now = 501}).verdict, "");
}

TEST(Health, NamesCollapse) {
  const Embeddings same{{at::ones({32, 8}) + 1e-4 * at::randn({32, 8}), at::ones({32, 8})}, {}};
  const Health collapsed = measure_health(same, 1);
  EXPECT_NE(collapsed.verdict.find("collapse"), std::string::npos);
  EXPECT_FALSE(collapsed.cure.empty());
  const Embeddings spread{{at::randn({64, 8}), at::randn({64, 8})}, {}};
  EXPECT_EQ(measure_health(spread, 1).verdict, "");
  EXPECT_NE(measure_health(spread, std::numeric_limits<double>::quiet_NaN()).verdict.find("diverg"),
            std::string::npos);
}

}  // namespace
}  // namespace vistas::learn
