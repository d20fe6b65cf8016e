// Estimates against runs, of a training whose steps and scores last as long as they say.
#include "vistas/recipe/costs.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <thread>

namespace vistas::recipe {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kStep{20}, kScore{80};

class OneNumber final : public learn::Encoder {
 public:
  OneNumber() { weight_ = register_parameter("weight", at::ones({2, 2})); }
  at::Tensor forward(const learn::Inputs& inputs) override {
    return inputs.at("x").matmul(weight_);
  }
  int64_t dim() const override { return 2; }

 private:
  at::Tensor weight_;
};

class Slow final : public learn::Method {
 public:
  Slow() : encoder_(register_module("encoder", std::make_shared<OneNumber>())) {}
  learn::Embeddings embed(const learn::Batch& batch) override {
    std::this_thread::sleep_for(kStep);
    return {{encoder_->forward(batch.views[0])}, {}};
  }
  at::Tensor loss(const learn::Embeddings& z, const learn::Batch&) override {
    return z.live[0].square().mean();
  }
  std::shared_ptr<learn::Encoder> encoder() const override { return encoder_; }
  int64_t negatives(int64_t) const override { return 0; }

 private:
  std::shared_ptr<OneNumber> encoder_;
};

class Numbers final : public learn::BatchMaker {
 public:
  int64_t size() const override { return 40; }
  learn::Batch make(const std::vector<int64_t>& samples, uint64_t) const override {
    learn::Batch batch;
    batch.index = at::tensor(samples);
    batch.views.push_back({{{"x", at::ones({batch.index.size(0), 2})}}});
    return batch;
  }
};

class SlowTraining final : public Training {
 public:
  int64_t size() const override { return 40; }
  std::string unit() const override { return "number"; }
  uint64_t fingerprint() const override { return 0; }
  std::vector<std::pair<std::string, std::string>> summary() const override { return {}; }
  LeftOut left_out() const override { return {}; }
  std::vector<std::string> uses() const override { return {}; }
  void write_files(const RunFolder&) const override {}
  learn::TrainParts parts() override {
    learn::TrainParts p;
    p.method = std::make_shared<Slow>();
    p.data = std::make_shared<Numbers>();
    p.train.epochs = 5;
    p.train.batch = 4;
    p.train.precision = "fp32";
    p.train.device = "cpu";
    p.train.score_every = 1;
    p.score = [](learn::Encoder&) {
      std::this_thread::sleep_for(kScore);
      return 0.5;
    };
    return p;
  }
};

TEST(Costs, TimeIsThatOfTheRun) {
  SlowTraining training;
  const Costs costs = measure_costs(training, 10);
  EXPECT_EQ(costs.steps, 50);
  EXPECT_EQ(costs.steps_per_epoch, 10);
  EXPECT_EQ(costs.scores, 5);
  const auto begin = std::chrono::steady_clock::now();
  learn::TrainObserver silent;
  learn::Trainer(training.parts()).run(nullptr, silent, std::atomic<bool>{false});
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  EXPECT_NEAR(costs.seconds(), seconds, 0.15 * seconds);
  EXPECT_NEAR(costs.seconds_per_epoch(), costs.seconds() / 5, 1e-9);
}

}  // namespace
}  // namespace vistas::recipe
