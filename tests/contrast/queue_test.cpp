// What outlives a batch: queue, cross-batch memory; and mining of hard negatives.
#include "vistas/contrast/queue.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "vistas/base/error.h"
#include "vistas/contrast/memory.h"
#include "vistas/contrast/mining.h"
#include "vistas/contrast/similarity.h"

namespace vistas::contrast {
namespace {

// Rows of which the first two numbers tell the row: they are on a circle, at angle i / 100.
at::Tensor numbered(int64_t first, int64_t count) {
  const at::Tensor angle = at::arange(first, first + count).to(at::kFloat) / 100;
  return at::stack({angle.cos(), angle.sin(), at::zeros({count})}, 1);
}

std::multiset<int64_t> numbers(const at::Tensor& rows) {
  const at::Tensor n = (at::atan2(rows.select(1, 1), rows.select(1, 0)) * 100).round();
  std::multiset<int64_t> out;
  for (int64_t i = 0; i < n.size(0); ++i) out.insert(n[i].item<int64_t>());
  return out;
}

std::multiset<int64_t> from_to(int64_t begin, int64_t end) {
  std::multiset<int64_t> out;
  for (int64_t i = begin; i < end; ++i) out.insert(i);
  return out;
}

TEST(Queue, StartsWithRandomUnitRowsThatDependOnTheSeed) {
  const Queue a(64, 8, 1), b(64, 8, 1), c(64, 8, 2);
  EXPECT_LT((a.rows().norm(2, 1) - 1).abs().max().item<double>(), 1e-6);
  EXPECT_TRUE(a.rows().equal(b.rows()));
  EXPECT_FALSE(a.rows().equal(c.rows()));
  EXPECT_LT(a.rows().mean().abs().item<double>(), 0.1);
}

TEST(Queue, HoldsTheLastRowsForAnySizeOfBatch) {
  for (const int64_t batch : {1, 3, 7, 10, 24}) {
    Queue queue(10, 3, 1);
    int64_t pushed = 0;
    while (pushed < 50) {
      EXPECT_EQ(queue.full(), pushed >= 10);
      queue.push(5 * numbered(pushed, batch));
      pushed += batch;
      if (pushed >= 10) {
        EXPECT_EQ(numbers(queue.rows()), from_to(pushed - 10, pushed)) << batch;
      }
    }
    EXPECT_EQ(queue.pushed().item<int64_t>(), pushed);
  }
}

TEST(Queue, WritesOverTheOldestRows) {
  Queue queue(4, 3, 1);
  queue.push(numbered(0, 4));
  queue.push(numbered(4, 3));
  const at::Tensor expected = at::cat({numbered(4, 3), numbered(3, 1)});
  EXPECT_TRUE(queue.rows().allclose(expected));
}

TEST(Queue, KeepsItsTensorsSoThatACheckpointSeesThem) {
  Queue queue(4, 3, 1);
  const void* rows = queue.rows().const_data_ptr();
  const at::Tensor z = numbered(0, 6).set_requires_grad(true);
  queue.push(z);
  EXPECT_EQ(queue.rows().const_data_ptr(), rows);
  EXPECT_FALSE(queue.rows().requires_grad());
  queue.push(at::zeros({1, 3}).to(at::kBFloat16));
  EXPECT_TRUE(queue.rows().isfinite().all().item<bool>());
}

TEST(Queue, RefusesRowsOfAnotherWidth) {
  EXPECT_THROW(Queue(0, 3, 1), Error);
  Queue queue(4, 3, 1);
  EXPECT_THROW(queue.push(at::ones({2, 4})), Error);
}

TEST(CrossBatchMemory, GrowsThenHoldsTheLastRowsWithTheirLabels) {
  CrossBatchMemory memory(5, 3);
  EXPECT_EQ(memory.rows().size(0), 0);
  memory.push(2 * numbered(0, 3), at::arange(0, 3));
  EXPECT_TRUE(memory.rows().equal(2 * numbered(0, 3)));
  memory.push(numbered(3, 4), at::arange(3, 7));
  EXPECT_EQ(memory.rows().size(0), 5);
  EXPECT_EQ(numbers(memory.rows()), from_to(2, 7));
  for (int64_t i = 0; i < 5; ++i) {
    EXPECT_EQ(*numbers(memory.rows().narrow(0, i, 1)).begin(), memory.labels()[i].item<int64_t>());
  }
}

TEST(CrossBatchMemory, RefusesWhatAreNoLabelsOfItsRows) {
  CrossBatchMemory memory(5, 3);
  const at::Tensor rows = numbered(0, 3), labels = at::arange(3);
  EXPECT_THROW(memory.push(rows, labels.to(at::kInt)), Error);
  EXPECT_THROW(memory.push(rows, labels.to(at::kFloat)), Error);
  EXPECT_THROW(memory.push(rows, labels.slice(0, 1)), Error);
  EXPECT_THROW(memory.push(rows, {}), Error);
  EXPECT_EQ(memory.rows().size(0), 0);
}

TEST(CrossBatchMemory, LossIsThatOfTheNaiveLoop) {
  at::manual_seed(1);
  CrossBatchMemory memory(6, 4);
  const at::Tensor rows = at::randn({6, 4}), labels = at::tensor({0, 1, 2, 0, 1, 2}, at::kLong);
  memory.push(rows, labels);
  const at::Tensor z = at::randn({3, 4}).set_requires_grad(true);
  const at::Tensor own = at::tensor({0, 2, 1}, at::kLong);
  const ContrastiveOptions options{.margin = 1.2};
  double positive = 0, negative = 0;
  int64_t positives = 0, negatives = 0;
  for (int64_t i = 0; i < 3; ++i) {
    for (int64_t j = 0; j < 6; ++j) {
      const double d = (unit_rows(z.detach()[i].unsqueeze(0)) - unit_rows(rows[j].unsqueeze(0)))
                           .norm()
                           .item<double>();
      if (own[i].item<int64_t>() == labels[j].item<int64_t>()) {
        positive += d * d / 2;
        ++positives;
      } else if (d < options.margin) {
        negative += (options.margin - d) * (options.margin - d) / 2;
        ++negatives;
      }
    }
  }
  ASSERT_GT(negatives, 0);
  const double expected =
      positive / static_cast<double>(positives) + negative / static_cast<double>(negatives);
  const at::Tensor loss = contrastive_with_memory(z, own, memory, options);
  EXPECT_NEAR(loss.item<double>(), expected, 1e-5);
  loss.backward();
  EXPECT_GT(z.grad().abs().sum().item<double>(), 0);
}

TEST(CrossBatchMemory, EmptyMemoryCostsNothing) {
  const at::Tensor z = at::ones({2, 3}).set_requires_grad(true);
  const at::Tensor loss =
      contrastive_with_memory(z, at::zeros({2}, at::kLong), CrossBatchMemory(4, 3));
  EXPECT_EQ(loss.item<double>(), 0);
  loss.backward();
  EXPECT_EQ(z.grad().abs().sum().item<double>(), 0);
}

class Mining : public testing::Test {
 protected:
  // An anchor at angle 0 whose positive is at angle 20; the bank is every angle 10, 20, ... 100.
  at::Tensor anchors = numbered(0, 1), bank = numbered(0, 101).slice(0, 10, 101, 10);
  at::Tensor positives = at::tensor({1}, at::kLong).view({1, 1});

  std::vector<int64_t> mined(const MiningOptions& options, uint64_t seed = 0) {
    const at::Tensor rows = mine_hard_negatives(anchors, bank, positives, options, seed).rows;
    const auto* begin = rows.const_data_ptr<int64_t>();
    return {begin, begin + rows.numel()};
  }
};

using Rows = std::vector<int64_t>;

TEST_F(Mining, TakesTheNearestThatAreNoPositives) {
  EXPECT_EQ(mined({.count = 3}), (Rows{0, 2, 3}));
  EXPECT_EQ(mined({.count = 2, .rank_from = 2, .rank_to = 4}), (Rows{3, 4}));
  const auto scores =
      mine_hard_negatives(anchors, bank, positives, {.count = 1, .rank_to = 5}).scores;
  EXPECT_NEAR(scores.item<double>(), std::cos(0.1), 1e-6);
}

TEST_F(Mining, FillsUpWhereThereAreTooFew) {
  EXPECT_EQ(mined({.count = 3, .rank_to = 50, .max_score = std::cos(0.85)}), (Rows{8, 9, -1}));
  EXPECT_EQ(mined({.count = 2, .min_score = std::cos(0.15)}), (Rows{0, -1}));
}

TEST_F(Mining, MarginsKeepADistanceFromThePositive) {
  // cos(0.2) = 0.980, so an absolute margin of 0.1 asks for less than 0.880: from 0.50 on.
  EXPECT_EQ(mined({.count = 1, .absolute_margin = 0.1}), (Rows{4}));
  // A relative margin of 0.2 asks for less than 0.784: from 0.67 on.
  EXPECT_EQ(mined({.count = 1, .relative_margin = 0.2}), (Rows{6}));
}

TEST_F(Mining, ARelativeMarginIsAMarginForNegativeScoresToo) {
  // All scores are negative: -0.995, the positive's -0.980, -0.955 ... A margin that multiplies the
  // score would ask for less than -0.882 and take negatives nearer than the positive.
  anchors = -anchors;
  EXPECT_EQ(mined({.count = 3, .relative_margin = 0.1}), (Rows{-1, -1, -1}));
  EXPECT_EQ(mined({.count = 3, .relative_margin = 0.01}), (Rows{0, -1, -1}));
}

TEST_F(Mining, DrawsByTheSeed) {
  const MiningOptions options{.count = 3, .random = true};
  EXPECT_EQ(mined(options, 4), mined(options, 4));
  std::set<int64_t> seen;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const Rows rows = mined(options, seed);
    EXPECT_TRUE(std::is_sorted(rows.begin(), rows.end()));  // nearest first
    seen.insert(rows.begin(), rows.end());
  }
  EXPECT_EQ(seen, (std::set<int64_t>{0, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST_F(Mining, SaysWhatIsWrong) {
  EXPECT_THROW(mined({.count = 5, .rank_to = 4}), Error);
  positives = at::full({1, 1}, -1, at::kLong);
  EXPECT_EQ(mined({.count = 1}), (Rows{0}));
  EXPECT_THROW(mined({.count = 1, .absolute_margin = 0.1}), Error);
  positives = at::full({1, 1}, 10, at::kLong);
  EXPECT_THROW(mined({.count = 1}), Error);
}

}  // namespace
}  // namespace vistas::contrast
