// Metric-learning and negative-free losses by hand, by loops and by their formulas.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/rows.h"
#include "vistas/contrast/align_uniform.h"
#include "vistas/contrast/barlow_twins.h"
#include "vistas/contrast/circle.h"
#include "vistas/contrast/contrastive.h"
#include "vistas/contrast/cosent.h"
#include "vistas/contrast/dino.h"
#include "vistas/contrast/distillation.h"
#include "vistas/contrast/lifted_structure.h"
#include "vistas/contrast/multi_similarity.h"
#include "vistas/contrast/n_pairs.h"
#include "vistas/contrast/negative_cosine.h"
#include "vistas/contrast/swav.h"
#include "vistas/contrast/triplet.h"
#include "vistas/contrast/vicreg.h"

namespace vistas::contrast {
namespace {

using at::Tensor;

TEST(Contrastive, ByHand) {
  const Tensor x = at::zeros({2, 2}, at::kDouble), y = matrix({3, 4, 0.3, 0.4}, 2);
  const ContrastiveOptions raw{.normalize = false};  // distances 5 and 0.5
  EXPECT_NEAR(contrastive(x, y, ids_of({1, 0}), raw).item<double>(), (12.5 + 0.125) / 2, 1e-14);
  // On a line: 0 and 1 of one class, 3 of another.
  const Tensor line = matrix({0, 1, 3}, 1);
  EXPECT_NEAR(contrastive_by_labels(line, ids_of({0, 0, 1}),
                                    {.margin = 2.5, .squared = false, .normalize = false})
                  .item<double>(),
              1 + 0.5, 1e-14);
}

TEST(Triplet, ByHand) {
  const Tensor a = matrix({0}, 1), p = matrix({1}, 1), n = matrix({1.5}, 1);
  EXPECT_NEAR(triplet(a, p, n, {.margin = 1, .normalize = false}).item<double>(), 0.5, 1e-14);
  // On a line: differences 1 - 3 and 1 - 2 for the anchors 0 and 1.
  const Tensor line = matrix({0, 1, 3}, 1), labels = ids_of({0, 0, 1});
  TripletOptions options{.margin = 1.5, .normalize = false};
  for (const auto& [name, mining] : triplet_mining_names()) {
    options.mining = mining;
    const TripletLoss result = triplet_by_labels(line, labels, options);
    EXPECT_NEAR(result.loss.item<double>(), 0.5, 1e-14) << name;
    EXPECT_EQ(result.terms.item<int64_t>(), mining == TripletMining::semi_hard ? 1 : 2) << name;
    EXPECT_EQ(result.active.item<int64_t>(), 1) << name;
  }
  options.mining = TripletMining::hard;
  options.mean_over = MeanOver::all;
  EXPECT_NEAR(triplet_by_labels(line, labels, options).loss.item<double>(), 0.25, 1e-14);
  options.soft = true;
  EXPECT_NEAR(triplet_by_labels(line, labels, options).loss.item<double>(),
              (std::log1p(std::exp(-2.0)) + std::log1p(std::exp(-1.0))) / 2, 1e-14);
}

TEST(Triplet, CollapseCostsTheMargin) {
  const Tensor z = at::ones({6, 3}), labels = ids_of({0, 0, 1, 1, 2, 2});
  for (const TripletMining mining : {TripletMining::all, TripletMining::hard}) {
    EXPECT_NEAR(triplet_by_labels(z, labels, {.margin = 0.3, .mining = mining}).loss.item<double>(),
                0.3, 1e-6);
  }
}

// Every triplet in three nested loops: value, counts and the gradient of the distances.
void expect_as_loops(const Tensor& z, const Tensor& labels, const TripletOptions& options) {
  Tensor leaf = z.clone().requires_grad_(true), plain = z.clone().requires_grad_(true);
  const TripletLoss result = triplet_by_labels(leaf, labels, options);
  result.loss.backward();

  const Tensor distance = distances(plain, plain, options.similarity, options.normalize);
  const int64_t n = z.size(0);
  const auto d = distance.accessor<double, 2>();
  const auto label = labels.accessor<int64_t, 1>();
  Tensor slope = at::zeros_like(distance);
  auto g = slope.accessor<double, 2>();
  double sum = 0;
  int64_t terms = 0, active = 0;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      if (i == j || label[i] != label[j]) continue;
      for (int64_t k = 0; k < n; ++k) {
        const double difference = d[i][j] - d[i][k];
        const bool far = difference >= 0 || difference + options.margin < 0;
        if (label[k] == label[i] || (options.mining == TripletMining::semi_hard && far)) continue;
        ++terms;
        const double term = options.soft ? std::log1p(std::exp(difference))
                                         : std::max(0.0, difference + options.margin);
        if (term <= 0) continue;
        ++active;
        sum += term;
        const double weight = options.soft ? 1 / (1 + std::exp(-difference)) : 1;
        g[i][j] += weight;
        g[i][k] -= weight;
      }
    }
  }
  const double count = static_cast<double>(options.mean_over == MeanOver::all ? terms : active);
  distance.backward(slope / count);
  EXPECT_EQ(result.terms.item<int64_t>(), terms);
  EXPECT_EQ(result.active.item<int64_t>(), active);
  EXPECT_NEAR(result.loss.item<double>(), sum / count, 1e-12);
  EXPECT_LE((leaf.grad() - plain.grad()).abs().max().item<double>(), 1e-12);
}

TEST(Triplet, BlocksGiveWhatLoopsGive) {
  const Tensor few = ids_of({0, 1, 0, 2, 1, 1, 0, 3, 2, 0});
  for (const bool soft : {false, true}) {
    for (const TripletMining mining : {TripletMining::all, TripletMining::semi_hard}) {
      for (const MeanOver over : {MeanOver::all, MeanOver::nonzero}) {
        expect_as_loops(random(10, 4, 1), few, {.soft = soft, .mining = mining, .mean_over = over});
      }
    }
  }
  // Many blocks: 16 M triplets of 32 k pairs.
  expect_as_loops(random(512, 8, 2), at::arange(512).remainder(8), {});
}

TEST(NPairs, ByHand) {
  const Tensor a = matrix({1, 2}, 1), p = matrix({1, 3}, 1);
  EXPECT_NEAR(n_pairs(a, p, {.l2 = 4}).item<double>(),
              (std::log1p(std::exp(2.0)) + std::log1p(std::exp(-4.0))) / 2 + 2.5 + 5, 1e-14);
}

TEST(LiftedStructure, ByHand) {
  const Tensor line = matrix({0, 1, 3}, 1), labels = ids_of({0, 0, 1});
  const LiftedStructureOptions options{.margin = 2, .normalize = false};
  const double j = 1 + std::log(std::exp(2.0 - 3) + std::exp(2.0 - 2));
  EXPECT_NEAR(lifted_structure(line, labels, options).item<double>(), j * j / 2, 1e-14);
  EXPECT_NEAR(lifted_structure_generalized(line, labels, options).item<double>(), 1.0 / 3, 1e-14);
}

TEST(Circle, ByHand) {
  const Tensor z = matrix({1, 0, 1, 0, 0, 1}, 2);
  EXPECT_NEAR(circle(z, ids_of({0, 0, 1}), {.margin = 0.25, .gamma = 2}).item<double>(),
              std::log1p(std::exp(-0.25)), 1e-14);
}

// The weights are numbers: central differences of the loss with the weights of the middle.
TEST(Circle, GradientWithFixedWeights) {
  const Tensor labels = ids_of({0, 1, 0, 1, 2});
  constexpr double kMargin = 0.3, kGamma = 5;
  Tensor z = random(5, 3, 1).requires_grad_(true);
  circle(z, labels, {.margin = kMargin, .gamma = kGamma}).backward();
  const at::NoGradGuard no_grad;
  const Tensor middle = similarity(z, z, Similarity::cosine).clone();
  const auto loops = [&] {
    const Tensor s = similarity(z, z, Similarity::cosine);
    double sum = 0;
    for (int64_t i = 0; i < 4; ++i) {  // row 4 has no positives
      double pull = 0, push = 0;
      for (int64_t j = 0; j < 5; ++j) {
        if (i == j) continue;
        const double now = s[i][j].item<double>(), then = middle[i][j].item<double>();
        if (labels[i].item<int64_t>() == labels[j].item<int64_t>()) {
          pull += std::exp(-kGamma * std::max(0.0, 1 + kMargin - then) * (now - 1 + kMargin));
        } else {
          push += std::exp(kGamma * std::max(0.0, then + kMargin) * (now - kMargin));
        }
      }
      sum += std::log1p(pull * push) / 4;
    }
    return at::scalar_tensor(sum, at::kDouble);
  };
  EXPECT_NEAR(circle(z, labels, {.margin = kMargin, .gamma = kGamma}).item<double>(),
              loops().item<double>(), 1e-12);
  expect_central_differences(loops, z, z.grad());
}

TEST(MultiSimilarity, ByHand) {
  const Tensor z = matrix({1, 0, 1, 0, 0, 1}, 2), labels = ids_of({0, 0, 1});
  const double push = std::exp(-25.0), pull = std::log1p(std::exp(-1.0)) / 2;
  EXPECT_NEAR(multi_similarity(z, labels).item<double>(),
              (2 * (pull + std::log1p(push) / 50) + std::log1p(2 * push) / 50) / 3, 1e-14);
  // The only positives beat all negatives by more than epsilon: nothing is left of those rows.
  EXPECT_EQ(multi_similarity(z, labels, {.mining = true}).item<double>(), 0);
  EXPECT_GT(multi_similarity(z, labels, {.mining = true, .epsilon = 1.1}).item<double>(), 0);
}

TEST(Cosent, ByHand) {
  const Tensor x = matrix({1, 0, 1, 0}, 2), y = matrix({1, 0, 0, 1}, 2);  // cosines 1 and 0
  EXPECT_NEAR(cosent(x, y, ids_of({0, 1}), {.scale = 2}).item<double>(), std::log1p(std::exp(2.0)),
              1e-14);
  EXPECT_NEAR(cosent(x, y, ids_of({1, 0}), {.scale = 2}).item<double>(), std::log1p(std::exp(-2.0)),
              1e-14);
}

TEST(Angle, ByHand) {
  // 1 / i = -i, so |0 - 1| = 1; 1 / (1 - i) = (1 + i) / 2, so 1 over the ratio of lengths
  // 1/sqrt(2).
  const Tensor x = matrix({1, 0, 1, 0}, 2), y = matrix({0, 1, 1, -1}, 2);
  EXPECT_NEAR(angle(x, y, ids_of({1, 0}), {.scale = 2}).item<double>(),
              std::log1p(std::exp(2 * (std::sqrt(2.0) - 1))), 1e-14);
}

TEST(Distillation, ByHand) {
  const Tensor zero = matrix({0, 0}, 2);
  EXPECT_NEAR(mse_distillation(matrix({1, 3}, 2), zero).item<double>(), 5, 1e-14);
  EXPECT_NEAR(
      margin_mse(matrix({2}, 1), matrix({3}, 1), matrix({1}, 1), at::ones({1})).item<double>(), 9,
      1e-14);
  EXPECT_NEAR(
      kl_distillation(zero, matrix({std::log(9.0), 0}, 2), {.temperature = 2}).item<double>(),
      4 * (0.75 * std::log(1.5) + 0.25 * std::log(0.5)), 1e-14);
}

TEST(AlignUniform, ByHand) {
  const Tensor a = matrix({2, 0, 0, 3}, 2), b = matrix({1, 0, 1, 0}, 2);
  const AlignUniformLoss result = align_uniform(a, b, {.weight = 0.5});
  EXPECT_NEAR(result.alignment.item<double>(), 1, 1e-14);
  EXPECT_NEAR(result.uniformity.item<double>(), -2, 1e-14);
  EXPECT_NEAR(result.loss.item<double>(), 0, 1e-14);
}

TEST(NegativeCosine, ByHand) {
  const Tensor p = matrix({1, 0, 0, 2}, 2), z = matrix({3, 4, 0, -1}, 2);  // cosines 0.6 and -1
  EXPECT_NEAR(negative_cosine(p, z).item<double>(), 0.2, 1e-14);
  EXPECT_NEAR(sim_siam(p, p, z, z).item<double>(), 0.2, 1e-14);
  EXPECT_NEAR(byol(p, p, z, z).item<double>(), 4.8, 1e-14);
}

TEST(NegativeFreeLosses, TargetsGetNoGradient) {
  const auto leaf = [](uint64_t seed) { return random(4, 3, seed).requires_grad_(true); };
  Tensor p = leaf(1), z = leaf(2), center = at::zeros({3}, at::kDouble).requires_grad_(true);
  byol(p, p, z, z).backward();
  kl_distillation(p, z).backward();
  dino({z}, {p, p}, center).backward();
  swav({p, p}, 2, {z, z}).loss.backward();
  EXPECT_FALSE(z.grad().defined());
  EXPECT_FALSE(center.grad().defined());
  EXPECT_FALSE(sinkhorn(p).requires_grad());
  EXPECT_FALSE(updated_center(center, {p}).requires_grad());
}

TEST(BarlowTwins, ByHand) {
  const Tensor a = matrix({1, 1, -1, -1}, 2), b = matrix({1, -1, -1, 1}, 2);  // C = 1 -1, 1 -1
  EXPECT_NEAR(barlow_twins(a, b, {.lambda = 0.5, .eps = 0}).item<double>(), 4 + 0.5 * 2, 1e-14);
}

// More dimensions than samples take another road.
TEST(BarlowTwins, IsTheLossOfItsCorrelation) {
  for (const int64_t columns : {3, 20}) {
    const Tensor a = random(8, columns, 1), b = random(8, columns, 2);
    const Tensor c = cross_correlation(a, b), own = c.diagonal();
    const Tensor want = (own - 1).square().sum() + 0.3 * (c - own.diag()).square().sum();
    EXPECT_NEAR(barlow_twins(a, b, {.lambda = 0.3}).item<double>(), want.item<double>(), 1e-10);
  }
}

TEST(VicReg, ByHand) {
  // Variances 2 and 0; sqrt(2.25) = 1.5 and sqrt(0.25) = 0.5.
  const Tensor a = matrix({0, 0, 2, 0}, 2);
  const VicRegLoss flat = vicreg(a, a + 1, {.eps = 0.25});
  EXPECT_NEAR(flat.invariance.item<double>(), 1, 1e-14);
  EXPECT_NEAR(flat.variance.item<double>(), 0.25, 1e-14);
  EXPECT_NEAR(flat.covariance.item<double>(), 0, 1e-14);
  const Tensor b = matrix({0, 0, 2, 2}, 2);  // all four covariances are 2
  EXPECT_NEAR(vicreg(b, b).covariance.item<double>(), 8, 1e-14);
  EXPECT_NEAR(vicreg(a, a + 1, {.invariance = 3, .variance = 4, .eps = 0.25}).loss.item<double>(),
              4, 1e-14);
}

TEST(VicReg, CovarianceOfMoreDimensionsThanSamples) {
  const Tensor a = random(6, 15, 1), b = random(6, 15, 2);
  Tensor want = at::zeros({}, at::kDouble);
  for (const Tensor& z : {a, b}) {
    const Tensor c = at::cov(z.t());
    want += (c - c.diagonal().diag()).square().sum() / 15;
  }
  EXPECT_NEAR(vicreg(a, b).covariance.item<double>(), want.item<double>(), 1e-12);
}

TEST(Sinkhorn, UsesAllPrototypesAlike) {
  const Tensor codes = sinkhorn(unit_rows(random(12, 4, 1)), {.iterations = 200});
  EXPECT_LE((codes.sum(1) - 1).abs().max().item<double>(), 1e-12);
  EXPECT_LE((codes.sum(0) - 3).abs().max().item<double>(), 1e-6);
}

TEST(Swav, ByHand) {
  const Tensor s = at::eye(2, at::kDouble);  // doubly stochastic from the start
  const double p = 1 / (1 + std::exp(-1.0));
  const SwavLoss result = swav({s, s}, 2, {}, {.temperature = 1, .sinkhorn = {.epsilon = 1}});
  EXPECT_NEAR(result.codes[1][0][0].item<double>(), p, 1e-14);
  EXPECT_NEAR(result.loss.item<double>(), -(p * std::log(p) + (1 - p) * std::log(1 - p)), 1e-14);
}

TEST(Swav, CollapseCostsTheLogarithmOfThePrototypes) {
  const Tensor s = at::ones({8, 5}).requires_grad_(true);
  EXPECT_NEAR(swav({s, s, s}, 2).loss.item<double>(), std::log(5.0), 1e-5);
}

// The gradient of a global view comes from its role as a prediction only.
TEST(Swav, CodesAreConstants) {
  Tensor a = random(6, 4, 1).requires_grad_(true), b = random(6, 4, 2).requires_grad_(true);
  swav({a, b}, 2).loss.backward();
  const Tensor code = sinkhorn(b);
  const Tensor want = (at::softmax(a / 0.1, 1) - code) / (0.1 * 6 * 2);
  EXPECT_LE((a.grad() - want).abs().max().item<double>(), 1e-12);
}

TEST(Swav, QueueTakesPartInTheCodes) {
  const Tensor a = random(3, 4, 1), b = random(3, 4, 2), q = random(5, 4, 3);
  const SwavLoss result = swav({a, b}, 2, {q, q});
  EXPECT_LE((result.codes[0] - sinkhorn(at::cat({a, q})).slice(0, 0, 3)).abs().max().item<double>(),
            1e-14);
  EXPECT_EQ(result.codes[1].size(0), 3);
}

TEST(Dino, ByHand) {
  const Tensor teacher = matrix({std::log(3.0) + 1, -1}, 2), center = at::tensor({1.0, -1.0});
  const Tensor flat = matrix({0, 0}, 2), like = matrix({std::log(3.0), 0}, 2);
  const DinoOptions ones{.student_temperature = 1, .teacher_temperature = 1};  // P = 3/4, 1/4
  EXPECT_NEAR(dino({teacher}, {flat, flat}, center, ones).item<double>(), std::log(2.0), 1e-14);
  EXPECT_NEAR(dino({teacher}, {flat, like}, center, ones).item<double>(),
              -(0.75 * std::log(0.75) + 0.25 * std::log(0.25)), 1e-7);
  const Tensor next =
      updated_center(center, {matrix({1, 3, 3, 5}, 2), matrix({0, 0, 0, 0}, 2)}, 0.9);
  EXPECT_LE((next - at::tensor({0.9 + 0.1, -0.9 + 0.2})).abs().max().item<double>(), 1e-6);
}

}  // namespace
}  // namespace vistas::contrast
