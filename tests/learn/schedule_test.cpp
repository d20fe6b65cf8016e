#include "vistas/learn/schedule.h"

#include <gtest/gtest.h>

#include <cmath>

#include "vistas/base/error.h"

namespace vistas::learn {
namespace {

TEST(LearningRate, WarmsUpThenFalls) {
  const LearningRate rate({.warmup_epochs = 2}, 0.6, 100, 5);
  EXPECT_EQ(rate.warmup_steps(), 10);
  EXPECT_EQ(rate.at(0), 0);
  EXPECT_DOUBLE_EQ(rate.at(5), 0.3);
  EXPECT_DOUBLE_EQ(rate.at(10), 0.6);
  EXPECT_DOUBLE_EQ(rate.at(55), 0.3);
  EXPECT_LT(rate.at(99), 0.001);
}

TEST(LearningRate, ShortRunsWarmUpForHalfOfTheirSteps) {
  EXPECT_EQ(LearningRate({.warmup_epochs = 10}, 1, 8, 100).warmup_steps(), 4);
  EXPECT_EQ(LearningRate({.warmup_epochs = 10}, 1, 1, 100).at(0), 1);
}

TEST(LearningRate, MilestonesAreEpochs) {
  const LearningRate rate(
      {.name = ScheduleName::multi_step, .warmup_epochs = 0, .milestones = {2, 4.5}, .gamma = 0.1},
      1, 60, 10);
  EXPECT_DOUBLE_EQ(rate.at(19), 1);
  EXPECT_DOUBLE_EQ(rate.at(20), 0.1);
  EXPECT_DOUBLE_EQ(rate.at(45), 0.01);
}

TEST(LearningRate, NonsenseIsRefused) {
  EXPECT_THROW(LearningRate({}, 0, 10, 1), Error);
  EXPECT_THROW(LearningRate({}, 1, 0, 1), Error);
}

TEST(ScaleLearningRate, Rules) {
  EXPECT_DOUBLE_EQ(scale_learning_rate(0.3, 4096, LrScaling::linear), 4.8);
  EXPECT_DOUBLE_EQ(scale_learning_rate(0.075, 4096, LrScaling::sqrt), 4.8);
  EXPECT_DOUBLE_EQ(scale_learning_rate(0.3, 4096, LrScaling::none), 0.3);
}

}  // namespace
}  // namespace vistas::learn
