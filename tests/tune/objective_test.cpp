#include "vistas/tune/objective.h"

#include <gtest/gtest.h>

#include "vistas/base/error.h"

namespace vistas::tune {
namespace {

std::vector<std::pair<int64_t, double>> pairs(const std::vector<Score>& scores) {
  std::vector<std::pair<int64_t, double>> result;
  for (const Score& s : scores) result.emplace_back(s.rung, s.value);
  return result;
}

using Pairs = std::vector<std::pair<int64_t, double>>;

TEST(Objective, OnlineScoresByTheirRungs) {
  const std::string metrics = R"({"step":20,"loss":3,"alignment":1,"uniformity":-1}
{"online_score":0.1,"step":20}
{"online_score":0.15,"step":24}
{"online_score":0.2,"step":41}
{"online_score":0.3,"step":99}
{"online_score":0.4,"step":100}
{"online_score":0.5,"st)";
  EXPECT_EQ(pairs(scores_in(metrics, Objective::online, 100)),
            (Pairs{{1, 0.1}, {2, 0.2}, {4, 0.3}, {5, 0.4}}));
  EXPECT_EQ(pairs(scores_in(metrics, Objective::eval, 100)),
            pairs(scores_in(metrics, Objective::online, 100)));
  EXPECT_TRUE(scores_in("", Objective::online, 100).empty());
}

TEST(Objective, WithoutLabelsMeansOverTheLastReports) {
  std::string metrics;
  for (int step = 1; step <= 10; ++step) {
    metrics += "{\"step\":" + std::to_string(step) + ",\"alignment\":" + std::to_string(step) +
               ",\"uniformity\":-3,\"effective_rank\":" + std::to_string(10 * step) + "}\n";
  }
  // After steps 2, 4, 6, 8 and 10: the mean of 1 2; 1 2 3 4; then of the last five.
  EXPECT_EQ(pairs(scores_in(metrics, Objective::alignment_uniformity, 10)),
            (Pairs{{1, 1.5}, {2, 0.5}, {3, -1.0}, {4, -3.0}, {5, -5.0}}));
  EXPECT_EQ(pairs(scores_in(metrics, Objective::effective_rank, 10)),
            (Pairs{{1, 15}, {2, 25}, {3, 40}, {4, 60}, {5, 80}}));
  EXPECT_EQ(pairs(scores_in(metrics, Objective::eval, 10)),
            pairs(scores_in(metrics, Objective::alignment_uniformity, 10)));
  EXPECT_EQ(scores_in(metrics, Objective::effective_rank, 100).size(), 0);
}

TEST(Objective, WhatIsNotFiniteIsLeftOut) {
  const std::string metrics = R"({"step":1,"alignment":null,"uniformity":-1,"effective_rank":2}
{"online_score":null,"step":1}
)";
  EXPECT_TRUE(scores_in(metrics, Objective::alignment_uniformity, 1).empty());
  EXPECT_TRUE(scores_in(metrics, Objective::online, 1).empty());
  EXPECT_EQ(scores_in(metrics, Objective::effective_rank, 1).size(), 5);
}

TEST(Objective, ReadsTheRowOfTheTrainedEncoder) {
  EXPECT_EQ(score_of_eval(R"({"rows":[{"encoder":"pixels","mean":0.3},
                                      {"encoder":"trained","mean":0.5}]})"),
            0.5);
  EXPECT_EQ(score_of_eval(R"({"pixels":{"mean":0.3},"trained":{"mean":0.5}})"), 0.5);  // one-shot
  EXPECT_THROW(score_of_eval(R"({"rows":[{"encoder":"pixels","mean":0.3}]})"), Error);
  EXPECT_THROW(score_of_eval("nothing"), Error);
}

TEST(Objective, OfFixedViewsIsNotInTheMetrics) {
  const std::string metrics = R"({"step":1,"alignment":1,"uniformity":-1,"online_score":0.5})";
  EXPECT_EQ(scores_in(metrics, Objective::alignment_uniformity, 1).size(), 5);
  EXPECT_TRUE(scores_in(metrics, Objective::fixed_views, 1).empty());
  EXPECT_TRUE(is_fair(Objective::fixed_views));
  EXPECT_FALSE(is_fair(Objective::alignment_uniformity));
}

TEST(Objective, HasNames) {
  for (const auto& [name, objective] : objective_names()) EXPECT_EQ(name_of(objective), name);
}

}  // namespace
}  // namespace vistas::tune
