#include "vistas/learn/optimizer.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>

#include "vistas/base/error.h"

namespace vistas::learn {
namespace {

constexpr OptimizerName kAll[] = {OptimizerName::sgd, OptimizerName::adam, OptimizerName::adamw,
                                  OptimizerName::lars};

NamedTensors parameters() {
  at::manual_seed(3);
  return {{"weight", at::randn({300, 70}).requires_grad_(true)},
          {"bias", at::randn({70}).requires_grad_(true)}};
}

void make_gradients(const NamedTensors& all, int64_t step) {
  at::manual_seed(static_cast<uint64_t>(step) + 100);
  for (const auto& [name, value] : all) value.mutable_grad() = at::randn_like(value.detach());
}

NamedTensors trained(OptimizerName name, int64_t interrupted_after) {
  NamedTensors all = parameters();
  auto optimizer = make_optimizer({.name = name}, all);
  for (int64_t step = 0; step < 6; ++step) {
    if (step == interrupted_after) {
      NamedTensors kept;
      for (const auto& [key, value] : optimizer->state()) kept.emplace_back(key, value.clone());
      auto fresh = make_optimizer({.name = name}, all);
      fresh->load_state(kept, optimizer->steps());
      optimizer = std::move(fresh);
    }
    make_gradients(all, step);
    optimizer->step(0.1);
  }
  return all;
}

void expect_equal(const NamedTensors& a, const NamedTensors& b) {
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(at::equal(a[i].second, b[i].second));
}

TEST(Optimizer, ResumesBitForBit) {
  for (const OptimizerName name : kAll) expect_equal(trained(name, -1), trained(name, 3));
}

TEST(Optimizer, AnyNumberOfThreadsGivesTheSameBits) {
  const int threads = at::get_num_threads();
  for (const OptimizerName name : kAll) {
    at::set_num_threads(1);
    const NamedTensors one = trained(name, -1);
    at::set_num_threads(3);
    expect_equal(one, trained(name, -1));
  }
  at::set_num_threads(threads);
}

TEST(Optimizer, GradientLayoutDoesNotMatter) {
  for (const OptimizerName name : kAll) {
    at::Tensor plain = at::randn({8, 4, 3, 3}), last = plain.clone(at::MemoryFormat::ChannelsLast);
    const at::Tensor grad = at::randn({8, 4, 3, 3});
    for (at::Tensor* value : {&plain, &last}) {
      value->requires_grad_(true);
      const auto optimizer = make_optimizer({.name = name}, {{"w", *value}});
      value->mutable_grad() = grad;  // row-major for both
      optimizer->step(0.1);
    }
    EXPECT_LT((plain - last).abs().max().item<double>(), 1e-6);
  }
}

TEST(Optimizer, ParametersWithoutGradientStay) {
  const NamedTensors all = parameters();
  const at::Tensor before = all[1].second.detach().clone();
  const auto optimizer = make_optimizer({.weight_decay = 0.5}, all);
  all[0].second.mutable_grad() = at::ones({300, 70});
  EXPECT_NEAR(optimizer->gradient_norm(), std::sqrt(21000.0), 1e-9);
  optimizer->step(0.1);
  EXPECT_TRUE(at::equal(all[1].second, before));
  optimizer->zero_grad();
  EXPECT_FALSE(all[0].second.grad().defined());
  EXPECT_EQ(optimizer->gradient_norm(), 0);
}

TEST(Optimizer, AParameterMayKeepItsLearningRate) {
  for (const OptimizerName name : kAll) {
    const NamedTensors all = parameters();
    const at::Tensor weight = all[0].second.detach().clone(), bias = all[1].second.detach().clone();
    const auto optimizer = make_optimizer({.name = name}, all);
    optimizer->keep_rate("bias", 0.1);
    make_gradients(all, 0);
    optimizer->step(0);
    EXPECT_TRUE(at::equal(all[0].second, weight));
    EXPECT_FALSE(at::equal(all[1].second, bias));
  }
}

TEST(Optimizer, WeightDecayCanChange) {
  for (const OptimizerName name : kAll) {
    const NamedTensors changed = parameters(), other = parameters();
    const auto a = make_optimizer({.name = name, .weight_decay = 0}, changed);
    const auto b = make_optimizer({.name = name, .weight_decay = 0.3}, other);
    a->set_weight_decay(0.3);
    for (const NamedTensors& all : {changed, other}) make_gradients(all, 0);
    a->step(0.1);
    b->step(0.1);
    expect_equal(changed, other);
  }
}

TEST(Optimizer, MisuseIsNamed) {
  EXPECT_THROW(make_optimizer({.momentum = 0, .nesterov = true}, parameters()), Error);
  EXPECT_THROW(make_optimizer({}, {{"index", at::ones({2}, at::kLong)}}), Error);
  const auto optimizer = make_optimizer({}, parameters());
  EXPECT_THROW(optimizer->load_state({}, 1), Error);
  EXPECT_THROW(optimizer->load_state({{"momentum/weight", at::ones({2})}}, 1), Error);
}

}  // namespace
}  // namespace vistas::learn
