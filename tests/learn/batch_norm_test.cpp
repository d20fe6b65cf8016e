#include "vistas/learn/batch_norm.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "vistas/base/error.h"

namespace vistas::learn {
namespace {

struct Case {
  at::Tensor x, residual;
  BatchNormState state;
  at::Tensor grad;
};

struct Result {
  at::Tensor y, dx, dresidual, dweight, dbias, running_mean, running_var;
};

Case make_case(at::IntArrayRef shape, at::ScalarType type, bool residual) {
  const auto format =
      shape.size() == 4 ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
  const auto random = [&] { return at::randn(shape).to(type).contiguous(format); };
  const int64_t channels = shape[1];
  Case c{
      random(),
      residual ? random() : at::Tensor(),
      {at::randn({channels}), at::randn({channels}), at::randn({channels}), at::rand({channels})},
      random()};
  // Means far from zero, which a careless variance would lose.
  c.x = (c.x +
         30 * at::randn({channels})
                  .view(shape.size() == 4 ? at::IntArrayRef{1, -1, 1, 1} : at::IntArrayRef{1, -1}))
            .to(type)
            .contiguous(format);
  return c;
}

// `type`: what everything is converted to; parameters keep float32 where it is narrower.
Result run(const Case& c, at::ScalarType type, bool relu) {
  const auto wide = type == at::kDouble ? at::kDouble : at::kFloat;
  const auto leaf = [](const at::Tensor& t, at::ScalarType to) {
    return t.detach().clone().to(to).requires_grad_(true);
  };
  at::Tensor x = leaf(c.x, type), residual;
  if (c.residual.defined()) residual = leaf(c.residual, type);
  const BatchNormState state{leaf(c.state.weight, wide), leaf(c.state.bias, wide),
                             c.state.running_mean.clone().to(wide),
                             c.state.running_var.clone().to(wide)};
  const at::Tensor y = batch_norm_act(x, state, {.relu = relu}, residual);
  y.backward(c.grad.to(type));
  return {
      y.detach(),          x.grad(),          residual.defined() ? residual.grad() : at::Tensor(),
      state.weight.grad(), state.bias.grad(), state.running_mean,
      state.running_var};
}

double difference(const at::Tensor& got, const at::Tensor& want) {
  if (!want.defined()) return got.defined() ? std::numeric_limits<double>::infinity() : 0;
  return (got.to(at::kDouble) - want).abs().max().item<double>() /
         std::max(want.abs().max().item<double>(), 0.01);
}

const std::vector<std::vector<int64_t>> kShapes = {{16, 16, 9, 7}, {5, 32, 4, 4}, {3, 64, 5, 5},
                                                   {2, 48, 3, 1},  {33, 128},     {2, 16},
                                                   {4, 2048, 2, 2}};

// The fused float32 and bfloat16 paths against ATen in float64 on the same values.
TEST(BatchNormAct, AgreesWithFloat64) {
  at::manual_seed(1);
  for (const auto& shape : kShapes) {
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      for (const bool relu : {false, true}) {
        for (const bool with_residual : {false, true}) {
          SCOPED_TRACE(testing::Message()
                       << at::IntArrayRef(shape) << at::toString(type) << relu << with_residual);
          const Case c = make_case(shape, type, with_residual);
          const Result got = run(c, type, relu), want = run(c, at::kDouble, relu);
          const double tiny = 2e-4, output = type == at::kFloat ? tiny : 1e-2;
          EXPECT_EQ(got.y.scalar_type(), type);
          EXPECT_EQ(got.y.strides(), c.x.strides());
          EXPECT_LT(difference(got.y, want.y), output);
          EXPECT_LT(difference(got.running_mean, want.running_mean), tiny);
          EXPECT_LT(difference(got.running_var, want.running_var), tiny);
          // Two rows a channel: the gradient cancels to nearly nothing, which nobody can round.
          if (shape == std::vector<int64_t>{2, 16}) continue;
          EXPECT_LT(difference(got.dx, want.dx), output);
          EXPECT_LT(difference(got.dresidual, want.dresidual), output);
          EXPECT_LT(difference(got.dweight, want.dweight), tiny);
          EXPECT_LT(difference(got.dbias, want.dbias), tiny);
        }
      }
    }
  }
}

TEST(BatchNormAct, AnyNumberOfThreadsGivesTheSameBits) {
  const Case c = make_case({64, 16, 16, 16}, at::kBFloat16, true);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const Result one = run(c, at::kBFloat16, true);
  at::set_num_threads(3);
  const Result three = run(c, at::kBFloat16, true);
  at::set_num_threads(threads);
  EXPECT_TRUE(at::equal(one.y, three.y));
  EXPECT_TRUE(at::equal(one.dx, three.dx));
  EXPECT_TRUE(at::equal(one.dweight, three.dweight));
}

TEST(BatchNormAct, NanIsNotHidden) {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    Case c = make_case({4, 16, 2, 2}, type, false);
    c.x[0][3][0][0] = std::numeric_limits<float>::quiet_NaN();
    const Result got = run(c, type, true);
    EXPECT_TRUE(got.y.select(1, 3).isnan().all().item<bool>());
    EXPECT_FALSE(got.y.select(1, 2).isnan().any().item<bool>());
  }
}

TEST(BatchNormAct, EvaluationUsesTheRunningStatistics) {
  const Case c = make_case({4, 16, 3, 3}, at::kFloat, true);
  const auto row = [](const at::Tensor& t) { return t.view({1, -1, 1, 1}); };
  const at::Tensor normal =
      (c.x - row(c.state.running_mean)) / (row(c.state.running_var) + 1e-5).sqrt();
  const at::Tensor want =
      (normal * row(c.state.weight) + row(c.state.bias) + c.residual).clamp_min(0);
  for (const bool with_gradients : {true, false}) {
    const at::AutoGradMode mode(with_gradients);
    const at::Tensor y =
        batch_norm_act(c.x, c.state, {.training = false, .relu = true}, c.residual);
    EXPECT_LT(difference(y, want.to(at::kDouble)), 1e-4);
  }
}

// The fused path and ATen's.
TEST(BatchNormAct, RunningStatisticsMoveByAShare) {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    const Case c = make_case({8, 16, 3, 3}, type, false);
    const at::Tensor start = c.state.running_mean.clone().to(type);
    const Result whole = run(c, type, false);
    {
      const RunningStatisticsShare rest(0);
      const Result rested = run(c, type, false);
      EXPECT_TRUE(at::equal(rested.running_mean, start));
      EXPECT_TRUE(at::equal(rested.running_var, c.state.running_var.to(type)));
      EXPECT_TRUE(at::equal(rested.y, whole.y));
      EXPECT_TRUE(at::equal(rested.dx, whole.dx));
    }
    EXPECT_EQ(RunningStatisticsShare::current(), 1);
    const RunningStatisticsShare third(1.0 / 3);
    Case thirds = c;
    for (int i = 0; i < 3; ++i) {
      const Result part = run(thirds, type, false);
      thirds.state.running_mean = part.running_mean;
      thirds.state.running_var = part.running_var;
    }
    EXPECT_GT(difference(whole.running_mean, start.to(at::kDouble)), 0.01);
    EXPECT_LT(difference(thirds.state.running_mean, whole.running_mean.to(at::kDouble)), 1e-5);
    EXPECT_LT(difference(thirds.state.running_var, whole.running_var.to(at::kDouble)), 1e-5);
  }
}

TEST(BatchNormAct, OneValueAChannelIsRefused) {
  const BatchNormState state{at::ones({16}), at::zeros({16}), at::zeros({16}), at::ones({16})};
  EXPECT_THROW(batch_norm_act(at::randn({1, 16}), state, {}), Error);
  EXPECT_NO_THROW(batch_norm_act(at::randn({1, 16}), state, {.training = false}));
}

}  // namespace
}  // namespace vistas::learn
