#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/errors.h"
#include "vistas/measure/bitext.h"
#include "vistas/measure/clustering.h"
#include "vistas/measure/correlation.h"
#include "vistas/measure/pair_classification.h"
#include "vistas/measure/retrieval.h"

namespace vistas::measure {
namespace {

using test::expect_error;
using Values = std::vector<double>;
using Numbers = std::vector<int64_t>;

TEST(Correlation, EqualValuesShareTheirRanks) {
  EXPECT_EQ(average_ranks(Values{3, 1, 3, 2, 3}), (Values{4, 1, 4, 2, 4}));
  EXPECT_EQ(average_ranks(Values{}), Values{});
  EXPECT_DOUBLE_EQ(spearman(Values{1, 2, 3}, Values{1, 10, 100}), 1);
  EXPECT_NEAR(pearson(Values{1, 2, 3}, Values{1, 10, 100}), 0.9 / std::sqrt(1.0), 0.02);
  EXPECT_TRUE(std::isnan(pearson(Values{1, 1}, Values{1, 2})));
}

TEST(Correlation, WhatCannotBeCorrelated) {
  expect_error([] { pearson(Values{1}, Values{1}); }, "two or more");
  expect_error([] { spearman(Values{1, 2}, Values{1, 2, 3}); }, "got 2 and 3");
  expect_error([] { spearman(Values{1, 2}, Values{1, NAN}); }, "value 1", ErrorKind::numeric);
}

// Average precision as scikit-learn 1.9.1; the others from trying every threshold.
TEST(PairClassification, BestThresholdsWithEqualScores) {
  const Values scores = {0.9, 0.8, 0.8, 0.7, 0.55, 0.5, 0.5, 0.3, 0.2, 0.1};
  const Numbers same = {1, 1, 0, 1, 0, 1, 0, 0, 0, 1};
  const PairClassification got = classify_pairs(scores, same);
  EXPECT_NEAR(got.average_precision, 0.6976190476190476, 1e-12);
  EXPECT_DOUBLE_EQ(got.accuracy, 0.7);
  EXPECT_DOUBLE_EQ(got.accuracy_threshold, 0.625);
  EXPECT_DOUBLE_EQ(got.f1, 2.0 / 3);
  EXPECT_DOUBLE_EQ(got.f1_threshold, 0.625);
  EXPECT_DOUBLE_EQ(got.precision, 0.75);
  EXPECT_DOUBLE_EQ(got.recall, 0.6);
}

TEST(PairClassification, NothingBelongsTogetherMayBeBest) {
  const PairClassification got = classify_pairs(Values{3, 2, 1}, Numbers{0, 0, 1});
  EXPECT_DOUBLE_EQ(got.accuracy, 2.0 / 3);
  EXPECT_GT(got.accuracy_threshold, 3);
  EXPECT_DOUBLE_EQ(got.f1, 0.5);
  EXPECT_DOUBLE_EQ(got.f1_threshold, 1);
}

TEST(PairClassification, BadLabels) {
  expect_error([] { classify_pairs(Values{1, 2}, Numbers{1, 1}); }, "2 of 2 are 1");
  expect_error([] { classify_pairs(Values{1, 2}, Numbers{1, 2}); }, "got 2");
  expect_error([] { classify_pairs(Values{1, 2}, Numbers{1}); }, "one a score");
  expect_error([] { classify_pairs(Values{1, NAN}, Numbers{0, 1}); }, "nan", ErrorKind::numeric);
}

TEST(Retrieval, QueriesWithoutARelevantRowAreLeftOut) {
  const at::Tensor bank = at::eye(3);
  const at::Tensor queries = at::tensor({1., 0.5, 0., 0., 1., 0.5, 0., 0., 1.}).view({3, 3});
  const std::vector<Numbers> relevant = {{1}, {}, {2}};
  const RetrievalScores got = retrieval_scores(queries, bank, relevant, Numbers{1, 10});
  EXPECT_EQ(got.queries, 2);
  ASSERT_EQ(got.at.size(), 2u);
  EXPECT_DOUBLE_EQ(got.at[0].recall, 0.5);
  EXPECT_DOUBLE_EQ(got.at[1].recall, 1);
  EXPECT_DOUBLE_EQ(got.at[1].mrr, 0.75);
  EXPECT_DOUBLE_EQ(got.at[1].ndcg, (1 + 1 / std::log2(3.0)) / 2);
  const auto with = [&](const std::vector<Numbers>& lists) {
    retrieval_scores(queries, bank, lists, Numbers{1});
  };
  expect_error([&] { with({{0}, {1}}); }, "one a query");
  expect_error([&] { with({{}, {}, {}}); }, "no query");
}

TEST(BitextAccuracy, EachDirectionByItself) {
  const at::Tensor x = at::tensor({1., 0., 0., 1., 1., 1.}).view({3, 2});
  const at::Tensor y = at::tensor({1., 0., 1., 0.9, 1., 1.}).view({3, 2});
  // x1 is nearer to y2 than to y1, y1 nearer to x2 than to x1.
  const BitextAccuracy got = bitext_accuracy(x, y);
  EXPECT_DOUBLE_EQ(got.forward, 2.0 / 3);
  EXPECT_DOUBLE_EQ(got.backward, 2.0 / 3);
  // Of two equal rows the first is found.
  EXPECT_DOUBLE_EQ(bitext_accuracy(at::eye(2), at::ones({2, 2})).forward, 0.5);
  expect_error([&] { bitext_accuracy(x, at::eye(2)); }, "got 3 and 2 rows");
}

TEST(MiningScores, BestThresholdByHand) {
  std::vector<search::MinedPair> pairs;
  for (const double score : {5., 4., 4., 3., 2.}) pairs.push_back({0, 0, score, 0});
  const MiningScores got = mining_scores(pairs, Numbers{1, 0, 1, 1, 0}, 4);
  EXPECT_DOUBLE_EQ(got.precision, 0.75);
  EXPECT_DOUBLE_EQ(got.recall, 0.75);
  EXPECT_DOUBLE_EQ(got.f1, 0.75);
  EXPECT_DOUBLE_EQ(got.threshold, 2.5);
  EXPECT_EQ(mining_scores(pairs, Numbers{0, 0, 0, 0, 0}, 4).f1, 0);
}

// Four groups of points around the corners of a square.
at::Tensor corners(int64_t each) {
  const at::Tensor jitter = at::sin(at::arange(each * 8).to(at::kDouble)).view({each * 4, 2});
  const at::Tensor centre = at::tensor({0., 0., 10., 0., 0., 10., 10., 10.}).view({4, 2});
  return centre.repeat({each, 1}) + jitter;
}

TEST(Kmeans, FindsWhatLiesApart) {
  Numbers labels, clusters;
  const KmeansResult got = kmeans(corners(25), {.clusters = 4, .seed = 3});
  EXPECT_TRUE(got.converged);
  for (int64_t i = 0; i < 100; ++i) {
    labels.push_back(i % 4);
    clusters.push_back(got.assignment[i].item<int64_t>());
  }
  EXPECT_DOUBLE_EQ(clustering_scores(labels, clusters).v_measure, 1);
  const KmeansResult again = kmeans(corners(25), {.clusters = 4, .seed = 3});
  EXPECT_TRUE(at::equal(got.assignment, again.assignment));
  EXPECT_EQ(got.inertia, again.inertia);
}

TEST(Kmeans, MoreRestartsAreNeverWorse) {
  const at::Tensor x = corners(10);
  double least = std::numeric_limits<double>::infinity();
  for (const int64_t restarts : {1, 2, 8}) {
    const double inertia = kmeans(x, {.clusters = 7, .restarts = restarts}).inertia;
    EXPECT_LE(inertia, least);
    least = inertia;
  }
}

TEST(Kmeans, EmptyClustersAndEqualRows) {
  // The third centre is nearest to nothing: it takes the farthest row, 9.
  const at::Tensor x = at::tensor({0., 1., 5., 9.}).view({4, 1});
  const KmeansResult got = kmeans_from(x, at::tensor({0., 6., 1000.}).view({3, 1}), 100);
  EXPECT_EQ(got.assignment[3].item<int64_t>(), 2);
  EXPECT_DOUBLE_EQ(got.inertia, 0.5);
  // As many clusters as rows, though all rows are the same.
  const KmeansResult same = kmeans(at::ones({3, 2}), {.clusters = 3});
  EXPECT_EQ(same.inertia, 0);
  EXPECT_EQ(same.assignment.max().item<int64_t>(), 2);
  expect_error([&] { kmeans(x, {.clusters = 5}); }, "1 .. 4");
}

}  // namespace
}  // namespace vistas::measure
