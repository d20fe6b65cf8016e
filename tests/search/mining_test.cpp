#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "vistas/search/bitext.h"
#include "vistas/search/paraphrases.h"

namespace vistas::search {
namespace {

struct Expected {
  int64_t a, b;
  double score;
};

void expect_pairs(const std::vector<MinedPair>& got, const std::vector<Expected>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(got[i].a, want[i].a);
    EXPECT_EQ(got[i].b, want[i].b);
    EXPECT_NEAR(got[i].score, want[i].score, 1e-6);
  }
}

// All four rules and two margins differ here. The scores are those of NumPy in float64.
const at::Tensor& left() {
  static const at::Tensor x =
      at::tensor({4., 2., 3., 2., -4., 4., 3., 2., -4., 3., 0., -4.}).view({4, 3});
  return x;
}
const at::Tensor& right() {
  static const at::Tensor y =
      at::tensor({2., 0., 1., 1., 4., 1., 4., 3., -1., 0., 4., -3.}).view({4, 3});
  return y;
}

std::vector<MinedPair> mined(Margin margin, Candidates candidates) {
  return mine_bitext(left(), right(), {.k = 2, .margin = margin, .candidates = candidates});
}

TEST(Bitext, RatioMarginByEveryRule) {
  expect_pairs(mined(Margin::ratio, Candidates::forward),
               {{1, 0, 1.293051532}, {0, 0, 1.172949515}, {2, 3, 1.07386629}, {3, 2, 0.965233625}});
  expect_pairs(mined(Margin::ratio, Candidates::backward),
               {{1, 0, 1.293051532}, {2, 3, 1.07386629}, {2, 2, 1.055205497}, {0, 1, 1.022495094}});
  expect_pairs(mined(Margin::ratio, Candidates::intersection),
               {{1, 0, 1.293051532}, {2, 3, 1.07386629}});
  expect_pairs(mined(Margin::ratio, Candidates::max),
               {{1, 0, 1.293051532}, {2, 3, 1.07386629}, {0, 1, 1.022495094}, {3, 2, 0.965233625}});
}

TEST(Bitext, OtherMargins) {
  expect_pairs(
      mined(Margin::absolute, Candidates::forward),
      {{0, 0, 0.913500278}, {2, 2, 0.801192745}, {3, 2, 0.627571632}, {1, 0, 0.596284794}});
  expect_pairs(mined(Margin::absolute, Candidates::max),
               {{0, 0, 0.913500278}, {2, 2, 0.801192745}});
  expect_pairs(mined(Margin::distance, Candidates::backward),
               {{1, 0, 0.135139372}, {2, 3, 0.05109249}, {2, 2, 0.041916237}, {0, 1, 0.014443837}});
}

TEST(Bitext, TheCosineStandsBesideTheScore) {
  const auto pairs = mined(Margin::ratio, Candidates::max);
  EXPECT_NEAR(pairs[0].cosine, 0.596284794, 1e-6);
  EXPECT_EQ(mined(Margin::absolute, Candidates::max)[0].cosine,
            mined(Margin::absolute, Candidates::max)[0].score);
}

TEST(Bitext, SidesOfOtherSizesAndZeroRows) {
  // A zero row has cosine 0 with everything and no neighbourhood to be held against.
  const at::Tensor y = at::cat({at::zeros({1, 3}), left(), -left()}).to(at::kDouble);
  const auto pairs =
      mine_bitext(left(), y, {.margin = Margin::absolute, .candidates = Candidates::intersection});
  ASSERT_EQ(pairs.size(), 4u);
  for (const MinedPair& pair : pairs) EXPECT_EQ(pair.b, pair.a + 1);
  const auto none = mine_bitext(at::zeros({2, 3}), at::zeros({3, 3}));
  expect_pairs(none, {{0, 0, 0}});
}

TEST(Paraphrases, EachPairOnceByCosine) {
  // Angles of 0, 10, 30 and 180 degrees.
  const at::Tensor angle = at::tensor({0., 10., 30., 180.}) * (3.14159265358979 / 180);
  const at::Tensor x = at::stack({angle.cos(), angle.sin()}, 1);
  const auto cosine = [](double degrees) { return std::cos(degrees * 3.14159265358979 / 180); };
  expect_pairs(mine_paraphrases(x, {.k = 3}), {{0, 1, cosine(10)},
                                               {1, 2, cosine(20)},
                                               {0, 2, cosine(30)},
                                               {2, 3, cosine(150)},
                                               {1, 3, cosine(170)},
                                               {0, 3, -1}});
  // 3's nearest is 2, though 2's is 1.
  expect_pairs(mine_paraphrases(x, {.k = 1}),
               {{0, 1, cosine(10)}, {1, 2, cosine(20)}, {2, 3, cosine(150)}});
  expect_pairs(mine_paraphrases(x, {.k = 3, .threshold = 0.9}),
               {{0, 1, cosine(10)}, {1, 2, cosine(20)}});
  expect_pairs(mine_paraphrases(x, {.k = 3, .most = 1}), {{0, 1, cosine(10)}});
}

TEST(Paraphrases, IdenticalRowsAreNotTheirOwnNeighbours) {
  const auto pairs = mine_paraphrases(at::ones({4, 2}), {.k = 3});
  expect_pairs(pairs, {{0, 1, 1}, {0, 2, 1}, {0, 3, 1}, {1, 2, 1}, {1, 3, 1}, {2, 3, 1}});
  // Row 3 is not among the two that are nearest to it by number.
  expect_pairs(mine_paraphrases(at::ones({4, 2}), {.k = 1}), {{0, 1, 1}, {0, 2, 1}, {0, 3, 1}});
  EXPECT_TRUE(mine_paraphrases(at::ones({1, 2})).empty());
}

}  // namespace
}  // namespace vistas::search
