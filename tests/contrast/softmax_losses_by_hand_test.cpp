// The softmax family of losses: cases done by hand, groups, misuse, options.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <functional>
#include <numbers>
#include <string>
#include <vector>

#include "support/small_tensors.h"
#include "vistas/base/error.h"
#include "vistas/contrast/bpr.h"
#include "vistas/contrast/bsl.h"
#include "vistas/contrast/clip.h"
#include "vistas/contrast/dcl.h"
#include "vistas/contrast/debiased.h"
#include "vistas/contrast/in_batch_softmax.h"
#include "vistas/contrast/info_nce.h"
#include "vistas/contrast/learned_temperature.h"
#include "vistas/contrast/matryoshka.h"
#include "vistas/contrast/nnclr.h"
#include "vistas/contrast/nt_xent.h"
#include "vistas/contrast/nt_xent_labels.h"
#include "vistas/contrast/sampled_softmax.h"
#include "vistas/contrast/siglip.h"
#include "vistas/contrast/sup_con.h"

namespace vistas::contrast {
namespace {

constexpr Similarity kAll[] = {Similarity::cosine, Similarity::dot, Similarity::euclidean,
                               Similarity::squared_euclidean, Similarity::manhattan};

// Unit vectors e1, e2 against e1, e2: cosines are 1 for pairs and 0 for all others.
struct Axes {
  at::Tensor a = at::eye(2, at::kDouble), b = at::eye(2, at::kDouble);
  double e = std::numbers::e;
};

TEST(ByHand, InfoNce) {
  const Axes x;
  const double plain = std::log(1 + 1 / x.e);
  EXPECT_NEAR(info_nce(x.a, x.b, {.temperature = 1}).item<double>(), plain, 1e-14);
  // One extra negative at (e1 + e2) / sqrt(2) for both queries.
  const double third = std::exp(std::sqrt(0.5));
  const double more = std::log((x.e + 1 + third) / x.e);
  const at::Tensor negative = matrix({3, 3}, 2);
  EXPECT_NEAR(info_nce(x.a, x.b, {.temperature = 1}, {}, negative).item<double>(), more, 1e-14);
  // Keys know no extra negatives.
  EXPECT_NEAR(
      info_nce(x.a, x.b, {.temperature = 1, .symmetric = true}, {}, negative).item<double>(),
      (more + plain) / 2, 1e-14);
  // Both rows are the same thing: only the extra negative is left.
  EXPECT_NEAR(info_nce(x.a, x.b, {.temperature = 1}, ids({4, 4}), negative).item<double>(),
              std::log(1 + third / x.e), 1e-14);
  EXPECT_NEAR(info_nce_queue(x.a, x.b, negative, {.temperature = 1}).item<double>(),
              std::log(1 + third / x.e), 1e-14);
  // A margin of 0.3 makes every positive 0.7, in both directions.
  const double lead = std::exp(0.3 - 1);
  EXPECT_NEAR(info_nce(x.a, x.b, {.temperature = 1, .symmetric = true, .margin = 0.3}, {}, negative)
                  .item<double>(),
              (std::log(1 + (1 + third) * lead) + std::log(1 + lead)) / 2, 1e-14);
  // Distances are 0 and sqrt(2); the temperature divides the margin too.
  EXPECT_NEAR(
      info_nce(x.a, x.b, {.temperature = 0.5, .similarity = Similarity::euclidean, .margin = 0.3})
          .item<double>(),
      std::log(1 + std::exp(2 * (0.3 - std::sqrt(2)))), 1e-14);
  EXPECT_NEAR(clip_loss(x.a, x.b, at::tensor(std::log(2.0), at::kDouble)).item<double>(),
              std::log(1 + std::exp(-2.0)), 1e-14);
}

TEST(ByHand, InBatchSoftmax) {
  const Axes x;
  const at::Tensor log_q = at::tensor({0.75, 0.25}, at::kDouble).log();
  // Row 0: e / 0.75 against 1 / 0.25; row 1: e / 0.25 against 1 / 0.75.
  const double want = (std::log(1 + 3 / x.e) + std::log(1 + 1 / (3 * x.e))) / 2;
  EXPECT_NEAR(in_batch_softmax(x.a, x.b, {}, log_q).item<double>(), want, 1e-14);
  EXPECT_EQ(in_batch_softmax(x.a, x.b, {}, log_q, ids({3, 3})).item<double>(), 0);
}

TEST(ByHand, SupCon) {
  // e1, e1, e2 with labels 0, 0, 1 and a lonely third row.
  const at::Tensor z = matrix({1, 0, 1, 0, 0, 1}, 2);
  const double e = std::numbers::e, one = std::log((e + 1) / e);
  EXPECT_NEAR(sup_con(z, ids({0, 0, 1}), {.temperature = 1}).item<double>(), one, 1e-14);
  EXPECT_NEAR(
      sup_con(z, ids({0, 0, 1}), {.temperature = 1, .base_temperature = 0.1}).item<double>(),
      10 * one, 1e-13);
  EXPECT_EQ(sup_con(z, ids({0, 1, 2})).item<double>(), 0);
  // All of one class: p is e / (e + 1) and 1 / (e + 1) for rows 0 and 1, half and half for row 2.
  const double out = (2 * (std::log(e + 1) - 0.5) + std::log(2.0)) / 3;
  EXPECT_NEAR(sup_con(z, ids({5, 5, 5}), {.temperature = 1}).item<double>(), out, 1e-14);
  EXPECT_NEAR(
      sup_con(z, ids({5, 5, 5}), {.temperature = 1, .variant = SupConVariant::in}).item<double>(),
      std::log(2.0), 1e-14);
}

TEST(ByHand, NtXentLabels) {
  const at::Tensor z = matrix({1, 0, 1, 0, 0, 1, 0, 1}, 2);
  const double e = std::numbers::e;
  // Pairs (0, 1), (1, 0): two negatives at cosine 0 each; rows 2 and 3 have labels of their own.
  EXPECT_NEAR(nt_xent_labels(z, ids({0, 0, 1, 2}), {.temperature = 1}).item<double>(),
              std::log(1 + 2 / e), 1e-14);
  EXPECT_EQ(nt_xent_labels(z, ids({0, 1, 2, 3})).item<double>(), 0);
  EXPECT_EQ(nt_xent_labels(z, ids({0, 0, 0, 0})).item<double>(), 0);
}

TEST(ByHand, Dcl) {
  const Axes x;
  // Each row: partner at 1, two negatives at 0.
  EXPECT_NEAR(dcl(x.a, x.b, {.temperature = 0.5}).item<double>(), std::log(2.0) - 2, 1e-14);
  EXPECT_EQ(dcl(x.a, x.b, {}, ids({1, 1})).item<double>(), 0);
  // Pairs at cosine 1 and 0 (e1 e1, e2 e1): weights 2 - 2 softmax(1 / sigma, 0).
  const at::Tensor b = matrix({1, 0, 1, 0}, 2);
  const double share = 1 / (1 + std::exp(-2.0));
  const double pull = (2 - 2 * share) * 1 + 0;  // w_1 = 2 - 2 (1 - share) meets similarity 0
  // Negatives, T = 1: rows e1 (a0): {0, 1}; e2 (a1): {0, 0}; b0 = e1: {0, 1}; b1 = e1: {1, 1}.
  const double e = std::numbers::e;
  const double push = 2 * std::log(1 + e) + std::log(2.0) + std::log(2 * e);
  EXPECT_NEAR(dclw(x.a, b, {.temperature = 1, .sigma = 0.5}).item<double>(), (push - 2 * pull) / 4,
              1e-14);
}

TEST(ByHand, Debiased) {
  const Axes x;
  // n = 2 negatives at 0: R = 2; G = (2 - 0.2 e) / 0.9.
  const double g = (2 - 0.2 * x.e) / 0.9;
  EXPECT_NEAR(debiased_nt_xent(x.a, x.b, {.temperature = 1, .tau_plus = 0.1}).item<double>(),
              std::log(1 + g / x.e), 1e-14);
  // (2 - 1.2 e) is negative: G = 2 exp(-1).
  EXPECT_NEAR(debiased_nt_xent(x.a, x.b, {.temperature = 1, .tau_plus = 0.6}).item<double>(),
              std::log(1 + 2 / x.e / x.e), 1e-14);
  // Without correction it is NT-Xent, and weighting equal negatives changes nothing.
  const at::Tensor u = random(4, 3, 1), v = random(4, 3, 2);
  EXPECT_NEAR(debiased_nt_xent(u, v, {.temperature = 0.3, .tau_plus = 0}).item<double>(),
              nt_xent(u, v, {.temperature = 0.3}).item<double>(), 1e-13);
  const at::Tensor group = at::arange(u.size(0)).floor_divide(2);
  EXPECT_NEAR(debiased_nt_xent(u, v, {.temperature = 0.3, .tau_plus = 0}, group).item<double>(),
              nt_xent(u, v, {.temperature = 0.3}, group).item<double>(), 1e-12);
  EXPECT_NEAR(
      debiased_nt_xent(x.a, x.b, {.temperature = 1, .tau_plus = 0, .beta = 3}).item<double>(),
      std::log(1 + 2 / x.e), 1e-14);
}

TEST(ByHand, Siglip) {
  const Axes x;
  const at::Tensor scale = at::tensor(std::log(2.0), at::kDouble);
  const at::Tensor bias = at::tensor(-1.0, at::kDouble);
  // Pairs at logit 2 - 1, others at -1.
  const double pair = std::log(1 + std::exp(-1.0));
  EXPECT_NEAR(siglip(x.a, x.b, scale, bias).item<double>(), 2 * pair, 1e-14);
  EXPECT_NEAR(siglip(x.a, x.b, scale, bias, {}, ids({8, 8})).item<double>(), pair, 1e-14);
}

TEST(ByHand, Nnclr) {
  const Axes x;
  const at::Tensor queue = matrix({0, 5, -1, 0, 2, 0}, 2);  // e2, -e1, e1
  EXPECT_TRUE(nearest_in_queue(x.a, queue).equal(ids({2, 0})));
  EXPECT_TRUE(nearest_in_queue(x.a, queue, Similarity::squared_euclidean).equal(ids({2, 1})));
  EXPECT_NEAR(nnclr(x.a, x.b, x.a, x.b, queue, {.temperature = 1}).item<double>(),
              std::log(1 + 1 / x.e), 1e-14);
  // Neighbours e2, e1 of swapped views find predictions at cosine 0 among 0 and 1.
  EXPECT_NEAR(nnclr(x.a.flip(0), x.b.flip(0), x.a, x.b, queue, {.temperature = 1}).item<double>(),
              std::log(1 + x.e), 1e-14);
}

TEST(ByHand, Matryoshka) {
  const PairLoss sum = [](const at::Tensor& x, const at::Tensor& y) { return (x * y).sum(); };
  const at::Tensor x = matrix({1, 2, 3}, 3), y = matrix({4, 5, 6}, 3);
  EXPECT_EQ(matryoshka(x, y, sum, {.dims = {3, 1}, .weights = {1, 0.5}}).item<double>(), 34);
  EXPECT_EQ(matryoshka(x, y, sum, {.dims = {2}}).item<double>(), 14);
  const RowsLoss of_three = [](const auto& z) { return (z[0] + z[1] + z[2]).sum(); };
  EXPECT_EQ(matryoshka({x, y, x}, of_three, {.dims = {2}}).item<double>(),
            (x + y + x).narrow(1, 0, 2).sum().item<double>());
}

TEST(ByHand, Bpr) {
  const at::Tensor u = matrix({1, 2}, 2), p = matrix({3, 0}, 2), n = matrix({0, 1}, 2);
  const double ranking = std::log(1 + std::exp(-1.0));  // scores 3 and 2
  EXPECT_NEAR(bpr(u, p, n).item<double>(), ranking, 1e-14);
  EXPECT_NEAR(bpr(u, p, n, {.l2 = 0.2}).item<double>(), ranking + 0.1 * (5 + 9 + 1), 1e-14);
}

// Scores 1, 0 / 2, 3 of two users and items; items 0 and 1 are told apart or not.
TEST(ByHand, Bsl) {
  const at::Tensor u = matrix({1, 0, 2, 3}, 2), v = matrix({1, 0, 0, 1}, 2);
  const BslOptions o{.temperature = 0.5, .exponent = 0.7, .similarity = Similarity::dot};
  const double pulls = (-1 - 3) / 0.5 / 2;
  EXPECT_NEAR(bsl(u, v, o).item<double>(), pulls + 0.7 * (0 + 2) / 0.5 / 2, 1e-14);
  EXPECT_NEAR(bsl(u, v, o, at::zeros({2}, at::kLong)).item<double>(), pulls, 1e-14);
}

// Scores: the item 3, the negatives 1 and 2.
TEST(ByHand, SampledSoftmax) {
  const at::Tensor u = matrix({1, 1}, 2), p = matrix({3, 0}, 2), n = matrix({0, 1, 1, 1}, 2);
  const auto loss = [](double item, double sum) { return std::log(1 + sum / std::exp(item)); };
  EXPECT_NEAR(sampled_softmax(u, p, n).item<double>(), loss(3, std::exp(1) + std::exp(2)), 1e-14);
  const at::Tensor log_q = matrix({0.5, -1, 0.25}, 3).squeeze(0);
  EXPECT_NEAR(sampled_softmax(u, p, n, {.temperature = 2}, log_q).item<double>(),
              loss(1, std::exp(1.5) + std::exp(0.75)), 1e-14);
  const at::Tensor hit = at::tensor({0, 1}, at::kLong).to(at::kBool).unsqueeze(0);
  EXPECT_NEAR(sampled_softmax(u, p, n, {}, {}, hit).item<double>(), loss(3, std::exp(1)), 1e-14);
}

// Samples 0 and 2 are the same thing. The sums of the doc comments, written as loops.
TEST(Groups, AreNoNegativesOfEachOther) {
  const at::Tensor a = random(4, 3, 1), b = random(4, 3, 2), group = ids({9, 3, 9, 5});
  const auto z = at::cat({a, b}), s = similarity(z, z, Similarity::cosine) / 0.5;
  const auto same = [&](int64_t i, int64_t j) { return i % 4 == j % 4 || (i % 2 + j % 2) == 0; };
  const auto cell = [&](int64_t i, int64_t j) { return s[i][j].item<double>(); };
  double nt = 0, decoupled = 0, one = 0, sigmoid = 0;
  for (int64_t i = 0; i < 8; ++i) {
    double negatives = 0;
    for (int64_t j = 0; j < 8; ++j) {
      if (!same(i, j)) negatives += std::exp(cell(i, j));
    }
    const double own = cell(i, (i + 4) % 8);
    nt += -own + std::log(std::exp(own) + negatives);
    decoupled += -own + std::log(negatives);
  }
  for (int64_t i = 0; i < 4; ++i) {
    double all = std::exp(cell(i, i + 4));
    sigmoid += std::log(1 + std::exp(-cell(i, i + 4)));
    for (int64_t j = 0; j < 4; ++j) {
      if (same(i, j)) continue;
      all += std::exp(cell(i, j + 4));
      sigmoid += std::log(1 + std::exp(cell(i, j + 4)));
    }
    one += std::log(all) - cell(i, i + 4);
  }
  const at::Tensor scale = at::tensor(std::log(2.0), at::kDouble),
                   none = at::zeros({}, at::kDouble);
  EXPECT_NEAR(nt_xent(a, b, {.temperature = 0.5}, group).item<double>(), nt / 8, 1e-13);
  EXPECT_NEAR(dcl(a, b, {.temperature = 0.5}, group).item<double>(), decoupled / 8, 1e-13);
  EXPECT_NEAR(info_nce(a, b, {.temperature = 0.5}, group).item<double>(), one / 4, 1e-13);
  EXPECT_NEAR(siglip(a, b, scale, none, {}, group).item<double>(), sigmoid / 4, 1e-13);
  EXPECT_NEAR(in_batch_softmax(a, b, {0.5, Similarity::cosine}, {}, group).item<double>(), one / 4,
              1e-13);
}

TEST(Groups, OfOneSampleEachChangeNothing) {
  const at::Tensor a = random(4, 3, 1), b = random(4, 3, 2), group = ids({9, 3, 7, 5});
  EXPECT_NEAR(nt_xent(a, b, {}, group).item<double>(), nt_xent(a, b).item<double>(), 1e-14);
  EXPECT_NEAR(dcl(a, b, {}, group).item<double>(), dcl(a, b).item<double>(), 1e-14);
  EXPECT_NEAR(dclw(a, b, {}, group).item<double>(), dclw(a, b).item<double>(), 1e-14);
}

// An anchor whose whole batch is the same thing does not count.
TEST(Groups, DclLeavesOutAnchorsWithoutNegatives) {
  EXPECT_EQ(dcl(random(1, 3, 1), random(1, 3, 2)).item<double>(), 0);
  EXPECT_EQ(dclw(random(3, 3, 1), random(3, 3, 2), {}, ids({2, 2, 2})).item<double>(), 0);
}

TEST(RowSimilarity, IsTheDiagonal) {
  for (const Similarity kind : kAll) {
    at::Tensor x = random(5, 3, 1), y = random(5, 3, 2), w = random(1, 5, 3).view({5});
    y[3] = x[3];
    x[1].zero_();
    at::Tensor x2 = x.clone().requires_grad_(true);
    x.requires_grad_(true);
    const at::Tensor got = row_similarity(x, y, kind);
    const at::Tensor want = similarity(x2, y, kind).diagonal();
    EXPECT_LT((got - want).abs().max().item<double>(), 1e-14);
    (got * w).sum().backward();
    (want * w).sum().backward();
    EXPECT_LT((x.grad() - x2.grad()).abs().max().item<double>(), 1e-14);
  }
  EXPECT_THROW(row_similarity(random(2, 3, 1), random(3, 3, 2), Similarity::dot), Error);
}

TEST(NearestInQueue, ManyRows) {
  const at::Tensor z = random(600, 8, 1), queue = random(50, 8, 2);
  for (const Similarity kind : kAll) {
    const at::Tensor got = nearest_in_queue(z, queue, kind);
    EXPECT_TRUE(got.equal(similarity(z, queue, kind).argmax(1)));
    EXPECT_GT(got.max().item<int64_t>(), got.min().item<int64_t>());
  }
}

TEST(LearnedTemperature, BeginsAndEndsWhereAsked) {
  const LearnedTemperature temperature{.initial = 0.07};
  const at::Tensor log_scale = temperature.log_scale();
  EXPECT_TRUE(log_scale.requires_grad());
  EXPECT_NEAR(log_scale.item<double>(), std::log(1 / 0.07), 1e-6);
  temperature.clamp_(log_scale);
  EXPECT_NEAR(log_scale.item<double>(), std::log(1 / 0.07), 1e-6);
  {
    const at::NoGradGuard no_grad;
    log_scale.fill_(6);
  }
  temperature.clamp_(log_scale);
  EXPECT_NEAR(log_scale.item<double>(), std::log(100), 1e-6);
  EXPECT_TRUE(log_scale.requires_grad());
}

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Misuse, IsNamed) {
  const at::Tensor a = random(4, 3, 1), b = random(4, 3, 2), scale = at::zeros({}, at::kDouble);
  const auto expect = [](const char* part, const std::function<void()>& call) {
    EXPECT_NE(message_of(call).find(part), std::string::npos) << message_of(call);
  };
  expect("info_nce", [&] { info_nce(a, random(3, 3, 1)); });
  expect("[3, 3]", [&] { info_nce(a, random(3, 3, 1)); });
  expect("info_nce", [&] { info_nce(a, b.to(at::kFloat)); });
  expect("info_nce", [&] { info_nce(a, b, {}, {}, random(2, 4, 1)); });
  expect("info_nce: temperature", [&] { info_nce(a, b, {.temperature = 0}); });
  expect("info_nce: group", [&] { info_nce(a, b, {}, ids({0, 1})); });
  expect("info_nce: group", [&] { info_nce(a, b, {}, at::zeros({4})); });
  expect("info_nce_queue", [&] { info_nce_queue(a, b, at::empty({0, 3}, at::kDouble)); });
  expect("no second derivative", [&] {
    info_nce(random(4, 3, 1).requires_grad_(true), b).backward({}, true, /*create_graph=*/true);
  });
  expect("nt_xent: group", [&] { nt_xent(a, b, {}, ids({0})); });
  expect("info_nce_learned: log_scale", [&] { clip_loss(a, b, {}); });
  expect("info_nce_learned: log_scale", [&] { info_nce_learned(a, b, a); });
  expect("siglip: bias", [&] { siglip(a, b, scale, ids({1})); });
  expect("in_batch_softmax: log_q", [&] { in_batch_softmax(a, b, {}, at::zeros({3})); });
  expect("sup_con: labels", [&] { sup_con(a, at::Tensor()); });
  expect("sup_con: labels", [&] { sup_con(a, b, ids({0, 1})); });
  expect("sup_con", [&] { sup_con(at::zeros({4}), ids({0, 1, 2, 3})); });
  expect("sup_con: base_temperature", [&] {
    sup_con(a, ids({0, 0, 1, 1}), {.base_temperature = -1});
  });
  expect("nt_xent_labels", [&] { nt_xent_labels(ids({0, 1}).view({2, 1}), ids({0, 1})); });
  expect("dclw: sigma", [&] { dclw(a, b, {.sigma = 0}); });
  expect("tau_plus", [&] { debiased_nt_xent(a, b, {.tau_plus = 1}); });
  expect("beta", [&] { debiased_nt_xent(a, b, {.beta = -1}); });
  expect("nearest_in_queue", [&] { nearest_in_queue(a, random(5, 4, 1)); });
  const PairLoss loss = [](const at::Tensor& x, const at::Tensor& y) { return nt_xent(x, y); };
  expect("matryoshka: dims", [&] { matryoshka(a, b, loss, {}); });
  expect("matryoshka", [&] { matryoshka({a, b.narrow(1, 0, 2)}, {}, {.dims = {2}}); });
  expect("matryoshka: dims", [&] { matryoshka(a, b, loss, {.dims = {4}}); });
  expect("matryoshka: weights", [&] { matryoshka(a, b, loss, {.dims = {3}, .weights = {1, 2}}); });
  expect("bpr: l2", [&] { bpr(a, b, a, {.l2 = -1}); });
}

TEST(Options, AreReadByName) {
  SupConOptions sup_con_options;
  fields_of(sup_con_options).set_all(parse_toml("variant = 'in'\nbase_temperature = 0.07", "test"));
  EXPECT_EQ(sup_con_options.variant, SupConVariant::in);
  EXPECT_EQ(sup_con_options.base_temperature, 0.07);
  NnclrOptions nnclr_options;
  fields_of(nnclr_options).set_all(parse_toml("denominator = 'nt_xent'", "test"));
  EXPECT_EQ(nnclr_options.denominator, NnclrDenominator::nt_xent);
  MatryoshkaOptions matryoshka_options;
  fields_of(matryoshka_options)
      .set_all(parse_toml("dims = [64, 32]\nweights = [1.0, 0.5]", "test"));
  EXPECT_EQ(matryoshka_options.dims, (std::vector<int64_t>{64, 32}));
  DebiasedOptions debiased_options;
  EXPECT_THROW(fields_of(debiased_options).set_all(parse_toml("tau_plus = 1.5", "test")), Error);
}

}  // namespace
}  // namespace vistas::contrast
