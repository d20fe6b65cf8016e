// Methods whose views are columns of a file: ranking, guided ranking, scored pairs, distillation.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/errors.h"
#include "vistas/base/error.h"
#include "vistas/contrast/cosent.h"
#include "vistas/contrast/gist.h"
#include "vistas/contrast/info_nce.h"
#include "vistas/contrast/similarity.h"
#include "vistas/learn/gradient_cache.h"
#include "vistas/methods/distill.h"
#include "vistas/methods/gist.h"
#include "vistas/methods/ranking.h"
#include "vistas/methods/scored.h"

namespace vistas::methods {
namespace {

using learn::Batch;
using learn::Embeddings;

constexpr int64_t kDim = 6, kRows = 8;

// Hands its input on, through dropout in training.
class Plain : public learn::Encoder {
 public:
  explicit Plain(double dropout = 0) : dropout_(dropout) {}
  at::Tensor forward(const learn::Inputs& inputs) override {
    return at::dropout(inputs.at("x"), dropout_, dropout_ > 0 && is_training());
  }
  int64_t dim() const override { return kDim; }

 private:
  double dropout_;
};

Batch columns(int64_t count, bool same_text = false) {
  Batch batch;
  at::manual_seed(11);
  const at::Tensor text = at::randn({kRows, kDim});
  for (int64_t c = 0; c < count; ++c) {
    const at::Tensor x = same_text ? text : text + at::randn({kRows, kDim});
    const at::Tensor told = at::randn({kRows, 3});
    batch.views.push_back({{{"x", x}, {"teacher", told}}});
  }
  batch.index = at::arange(kRows);
  batch.score = at::linspace(0, 1, kRows);
  return batch;
}

const at::Tensor& x_of(const Batch& batch, size_t view) {
  return batch.views[view].at("x");
}
const at::Tensor& told_of(const Batch& batch, size_t view) {
  return batch.views[view].at("teacher");
}

double loss_of(learn::Method& method, const Batch& batch) {
  return method.loss(method.embed(batch), batch).item<double>();
}

TEST(Ranking, ColumnsBeyondThePositiveAreNegativesOfAllAnchors) {
  const Batch batch = columns(4);
  Ranking method(std::make_shared<Plain>(), {}, 1);
  const at::Tensor more = at::cat({x_of(batch, 2), x_of(batch, 3)});
  const at::Tensor want =
      contrast::info_nce(x_of(batch, 0), x_of(batch, 1), {.temperature = 0.05}, {}, more);
  EXPECT_EQ(loss_of(method, batch), want.item<double>());
  EXPECT_GT(want.item<double>(), loss_of(method, columns(2)));
  EXPECT_THROW(loss_of(method, columns(1)), Error);
}

TEST(Ranking, MatryoshkaIsTheSumOverPrefixes) {
  const Batch batch = columns(3);
  RankingOptions options;
  options.matryoshka = {.dims = {kDim, 2}, .weights = {1, 0.5}};
  Ranking method(std::make_shared<Plain>(), options, 1);
  const auto of = [&](int64_t dim) {
    const auto cut = [&](size_t view) { return x_of(batch, view).slice(1, 0, dim); };
    return contrast::info_nce(cut(0), cut(1), options.loss, {}, cut(2)).item<double>();
  };
  EXPECT_NEAR(loss_of(method, batch), of(kDim) + 0.5 * of(2), 1e-5);
}

TEST(Ranking, RowsOfAGroupAreNoNegatives) {
  Batch batch = columns(2);
  RankingOptions options{.mask_groups = true};
  Ranking method(std::make_shared<Plain>(), options, 1);
  EXPECT_THROW(loss_of(method, batch), Error);
  batch.group = at::zeros({kRows}, at::kLong);
  EXPECT_EQ(loss_of(method, batch), 0);
  batch.group = at::arange(kRows);
  Ranking plain(std::make_shared<Plain>(), {}, 1);
  EXPECT_EQ(loss_of(method, batch), loss_of(plain, batch));
}

// SimCSE: both views are one text, which only dropout tells apart.
TEST(Ranking, OneTextTwiceDiffersByDropout) {
  const Batch batch = columns(2, /*same_text=*/true);
  ASSERT_TRUE(at::equal(x_of(batch, 0), x_of(batch, 1)));
  Ranking method(std::make_shared<Plain>(0.3), {}, 1);
  const Embeddings z = method.embed(batch);
  EXPECT_FALSE(at::equal(z.live[0], z.live[1]));
  EXPECT_GT(method.loss(z, batch).item<double>(), 0);
  method.eval();
  const Embeddings calm = method.embed(batch);
  EXPECT_TRUE(at::equal(calm.live[0], calm.live[1]));
}

TEST(Gist, TheGuidesEmbeddingsComeWithTheBatch) {
  const Batch batch = columns(4);
  GistOptions options;
  options.loss = {.temperature = 0.1, .margin = 0.1};
  Gist method(std::make_shared<Plain>(), options, 1);
  const auto more = [&](auto of) { return at::cat({of(batch, 2), of(batch, 3)}); };
  const at::Tensor want =
      contrast::gist({x_of(batch, 0), x_of(batch, 1), more(x_of)},
                     {told_of(batch, 0), told_of(batch, 1), more(told_of)}, options.loss);
  EXPECT_EQ(loss_of(method, batch), want.item<double>());
  EXPECT_EQ(method.negatives(10), 27);
}

TEST(Gist, MatryoshkaCutsTheEncoderAndNotTheGuide) {
  const Batch batch = columns(3);
  GistOptions options;
  options.matryoshka = {.dims = {kDim, 2}, .weights = {1, 0.5}};
  Gist method(std::make_shared<Plain>(), options, 1);
  const auto of = [&](int64_t dim) {
    const auto cut = [&](size_t view) { return x_of(batch, view).slice(1, 0, dim); };
    return contrast::gist({cut(0), cut(1), cut(2)},
                          {told_of(batch, 0), told_of(batch, 1), told_of(batch, 2)}, options.loss)
        .item<double>();
  };
  EXPECT_NEAR(loss_of(method, batch), of(kDim) + 0.5 * of(2), 1e-4);
}

TEST(Scored, MatryoshkaIsTheSumOverPrefixes) {
  const Batch batch = columns(2);
  ScoredOptions options;
  options.matryoshka = {.dims = {kDim, 2}, .weights = {1, 0.5}};
  Scored method(std::make_shared<Plain>(), options, 1);
  const auto of = [&](int64_t dim) {
    const auto cut = [&](size_t view) { return x_of(batch, view).slice(1, 0, dim); };
    return contrast::cosent(cut(0), cut(1), batch.score).item<double>();
  };
  EXPECT_NEAR(loss_of(method, batch), of(kDim) + 0.5 * of(2), 1e-4);
}

TEST(Scored, ComparesPairsByTheirScores) {
  const Batch batch = columns(2);
  Scored cosent(std::make_shared<Plain>(), {}, 1);
  Scored angle(std::make_shared<Plain>(), {.loss = ScoredLoss::angle}, 1);
  const at::Tensor &a = x_of(batch, 0), &b = x_of(batch, 1);
  EXPECT_EQ(loss_of(cosent, batch), contrast::cosent(a, b, batch.score).item<double>());
  EXPECT_EQ(loss_of(angle, batch), contrast::angle(a, b, batch.score).item<double>());
}

TEST(Distill, TargetsAreTheTeachers) {
  const Batch batch = columns(2);
  const at::Tensor z = at::cat({x_of(batch, 0), x_of(batch, 1)}).to(at::kDouble);
  const at::Tensor t = at::cat({told_of(batch, 0), told_of(batch, 1)}).to(at::kDouble);
  const auto cosine = [](const at::Tensor& x, int64_t i, int64_t j) {
    return at::cosine_similarity(x[i], x[j], 0).item<double>();
  };
  double squares = 0, divergence = 0;
  for (int64_t i = 0; i < 2 * kRows; ++i) {
    double learned = 0, target = 0;  // of the softmax
    for (int64_t j = 0; j < 2 * kRows; ++j) {
      if (i == j) continue;
      squares += std::pow(cosine(z, i, j) - cosine(t, i, j), 2);
      learned += std::exp(cosine(z, i, j) / 0.5);
      target += std::exp(cosine(t, i, j) / 0.5);
    }
    for (int64_t j = 0; j < 2 * kRows; ++j) {
      if (i == j) continue;
      const double p = std::exp(cosine(t, i, j) / 0.5) / target;
      divergence += p * std::log(p / (std::exp(cosine(z, i, j) / 0.5) / learned));
    }
  }
  Distill similarities(std::make_shared<Plain>(), {}, 1);
  EXPECT_NEAR(loss_of(similarities, batch), squares / (2 * kRows * (2 * kRows - 1)), 1e-6);
  Distill ranking(std::make_shared<Plain>(), {.loss = DistillLoss::ranking, .temperature = 0.5}, 1);
  EXPECT_NEAR(loss_of(ranking, batch), divergence / (2 * kRows), 1e-6);

  // One layer gives the teacher's width.
  DistillOptions options{.loss = DistillLoss::embeddings};
  options.projector = {.layers = 1, .out = 3, .last_norm = false};
  Distill embeddings(std::make_shared<Plain>(), options, 1);
  const Embeddings e = embeddings.embed(batch);
  EXPECT_NEAR(embeddings.loss(e, batch).item<double>(),
              (at::cat(e.live) - t).square().mean().item<double>(), 1e-6);
  Distill too_wide(std::make_shared<Plain>(), {.loss = DistillLoss::embeddings}, 1);
  EXPECT_THROW(loss_of(too_wide, batch), Error);
}

TEST(Columns, WhatDataLackIsNamed) {
  Batch batch = columns(2);
  for (learn::Inputs& view : batch.views) view.tensors.resize(1);
  batch.score = at::Tensor();
  Gist gist(std::make_shared<Plain>(), {}, 1);
  Scored scored(std::make_shared<Plain>(), {}, 1);
  Distill distill(std::make_shared<Plain>(), {}, 1);
  test::expect_error([&] { loss_of(gist, batch); }, "teacher");
  test::expect_error([&] { loss_of(scored, batch); }, "scores");
  test::expect_error([&] { loss_of(distill, batch); }, "teacher");
}

TEST(Columns, ScoresAndGuidesComeThroughMicroBatchesAndDevices) {
  const Batch whole = columns(2);
  EXPECT_TRUE(at::equal(whole.to(at::kCPU).score, whole.score));
  Gist gist(std::make_shared<Plain>(), {}, 1);
  int64_t part = 0;
  const learn::MicroBatches parts{.count = 4,
                                  .next =
                                      [&] {
                                        Batch batch;
                                        const int64_t begin = 2 * part, end = 2 * ++part;
                                        for (const learn::Inputs& view : whole.views) {
                                          batch.views.push_back(view.slice(begin, end));
                                        }
                                        batch.index = whole.index.slice(0, begin, end);
                                        batch.score = whole.score.slice(0, begin, end);
                                        return batch;
                                      },
                                  .embed = [&](const Batch& batch) { return gist.embed(batch); }};
  const learn::EmbeddedBatch all = learn::embed_micro_batches(parts);
  EXPECT_TRUE(at::equal(all.batch.score, whole.score));
  EXPECT_TRUE(at::equal(all.embeddings.fixed[1], told_of(whole, 1)));
  EXPECT_EQ(gist.loss(all.embeddings, all.batch).item<float>(), loss_of(gist, whole));
}

}  // namespace
}  // namespace vistas::methods
