// TF-IDF and logistic regression on it, against scikit-learn 1.9.1.
#include "vistas/text/tasks/tf_idf.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/errors.h"

namespace vistas::text {
namespace {

const std::vector<std::string_view>& texts() {
  static const std::vector<std::string_view> all = {
      "The cat sat on the mat, the CAT!", "A dog_1 ran; a cat ran away",
      "Gr\u00f6\u00dfe \u732b\u732b na\u00efve cafe\u0301 \u0130stanbul \u00b2x", "x y z a",
      "dogs ran ran ran away"};
  return all;
}

TEST(TfIdf, WordsAreThoseOfScikitLearn) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(words_of(texts()[2]),
            (Words{"gr\u00f6\u00dfe", "\u732b\u732b", "na\u00efve", "cafe", "stanbul", "\u00b2x"}));
  EXPECT_EQ(words_of(texts()[1]), (Words{"dog_1", "ran", "cat", "ran", "away"}));
  EXPECT_EQ(words_of("x y"), Words{});
  EXPECT_EQ(words_of(""), Words{});
}

TEST(TfIdf, CosinesAreThoseOfScikitLearn) {
  const TfIdf plain(texts());
  EXPECT_EQ(plain.words(), 15);
  const measure::SparseRows rows = plain.rows(texts());
  const std::vector<int64_t> first = {0, 0, 1, 2, 3, 4}, second = {0, 1, 4, 0, 3, 4};
  const std::vector<double> want = {1, 0.1538092983, 0.7507336005, 0, 0, 1};
  const auto got = measure::paired_products(rows.select(first), rows.select(second));
  for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-6) << i;
}

TEST(TfIdf, SublinearCountsOfWordsInTwoTexts) {
  const TfIdf some(texts(), {.sublinear = true, .min_documents = 2});
  EXPECT_EQ(some.words(), 3);
  const measure::SparseRows rows = some.rows(texts());
  const std::vector<int64_t> first = {0, 1, 2}, second = {1, 4, 2};
  const auto got = measure::paired_products(rows.select(first), rows.select(second));
  EXPECT_NEAR(got[0], 0.4532946552, 1e-6);
  EXPECT_NEAR(got[1], 0.8878474578, 1e-6);
  EXPECT_EQ(got[2], 0);
}

TEST(TfIdf, NearestByProducts) {
  const measure::SparseRows rows = TfIdf(texts()).rows(texts());
  const std::vector<int64_t> query = {4};
  const search::TopK got = measure::top_products(rows.select(query), rows, 3);
  EXPECT_TRUE(at::equal(got.indices, at::tensor({4, 1, 0}, at::kLong).view({1, 3})));
  EXPECT_NEAR(got.scores[0][1].item<double>(), 0.7507336005, 1e-6);
  EXPECT_EQ(got.scores[0][2].item<double>(), 0);
}

TEST(TfIdf, LogisticRegressionOnIt) {
  const measure::SparseRows rows = TfIdf(texts()).rows(texts());
  const at::Tensor labels = at::tensor({0, 1, 0, 2, 1}, at::kLong);
  const auto model = measure::fit_logistic(
      rows, labels, 3,
      {.weight_decay = measure::weight_decay_of_c(10, 5, 3), .gradient_tolerance = 1e-9});
  EXPECT_TRUE(model.converged);
  EXPECT_NEAR(model.objective * 10 * 5, 21.12224762791873, 1e-6);
  const at::Tensor want =
      at::tensor({1.509591, -1.039151, -0.47044, -0.908554, 1.672896, -0.764342, 1.5555, -1.159774,
                  -0.395726, -0.168317, -0.612, 0.780317, -1.140435, 1.748248, -0.607812},
                 at::kDouble)
          .view({5, 3});
  // Scores of a row are unique up to what all classes share.
  const at::Tensor scores = measure::logistic_scores(model, rows);
  EXPECT_LE(
      (scores - scores.mean(1, true) - (want - want.mean(1, true))).abs().max().item<double>(),
      1e-4);
}

TEST(TfIdf, WhatDoesNotGoTogether) {
  const measure::SparseRows rows = TfIdf(texts()).rows(texts());
  const std::vector<int64_t> two = {0, 1};
  test::expect_error([&] { measure::paired_products(rows, rows.select(two)); }, "got 5 and 2");
  const measure::SparseRows other = TfIdf(std::span(texts()).first(1)).rows(texts());
  test::expect_error([&] { measure::paired_products(rows, other); }, "got 15 and 5");
  test::expect_error(
      [&] { measure::fit_logistic(rows, at::zeros({5}, at::kLong), 2, {.standardise = true}); },
      "standardise", ErrorKind::usage);
}

}  // namespace
}  // namespace vistas::text
