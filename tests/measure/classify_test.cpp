#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "vistas/base/error.h"
#include "vistas/base/random.h"
#include "vistas/measure/knn.h"
#include "vistas/measure/labels.h"
#include "vistas/measure/linear.h"
#include "vistas/measure/logistic.h"
#include "vistas/measure/one_shot.h"

namespace vistas::measure {
namespace {

at::Tensor random(int64_t rows, int64_t width, uint64_t seed) {
  return at::randn({rows, width}, at::make_generator<at::CPUGeneratorImpl>(seed));
}

at::Tensor labels_of(std::vector<int64_t> labels) {
  return at::tensor(labels, at::kLong);
}

std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

void expect_error(const std::function<void()>& call, const std::string& part) {
  const std::string message = error_of(call);
  EXPECT_NE(message.find(part), std::string::npos) << message;
}

// Rows around one centre a class; label of row i is i % classes.
struct Blobs {
  at::Tensor features, labels;
  Blobs(int64_t rows, int64_t width, int64_t classes, double spread, uint64_t seed)
      : labels(at::arange(rows).remainder(classes)) {
    features =
        random(classes, width, 99).index_select(0, labels) + spread * random(rows, width, seed);
  }
};

TEST(Knn, VotesByHand) {
  // Cosines with (1, 0): 1 (class 0), 0.8 (class 1), 0.6 (class 1), -1 (class 0).
  const at::Tensor bank =
      at::tensor({5.0f, 0.0f, 4.0f, 3.0f, 3.0f, 4.0f, -1.0f, 0.0f}).view({4, 2});
  const at::Tensor query = at::tensor({2.0f, 0.0f}).view({1, 2});
  const auto got =
      knn_classify(bank, labels_of({0, 1, 1, 0}), query, 3, {.k = {1, 3, 9}, .temperature = 1});
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(got[0].predicted.item<int64_t>(), 0);
  EXPECT_EQ(got[1].predicted.item<int64_t>(), 1);
  const double a = std::exp(1.0), b = std::exp(0.8) + std::exp(0.6), all = std::exp(-1.0);
  EXPECT_NEAR(got[1].scores[0][0].item<double>(), a / (a + b), 1e-6);
  EXPECT_NEAR(got[1].scores[0][1].item<double>(), b / (a + b), 1e-6);
  EXPECT_EQ(got[1].scores[0][2].item<double>(), 0);
  EXPECT_NEAR(got[2].scores[0][0].item<double>(), (a + all) / (a + b + all), 1e-6);
}

TEST(Knn, SmallTemperatureStaysFinite) {
  const Blobs data(50, 8, 5, 0.5, 1);
  const auto got =
      knn_classify(data.features, data.labels, data.features, 5, {.k = {50}, .temperature = 1e-4});
  EXPECT_TRUE(got[0].scores.isfinite().all().item<bool>());
  EXPECT_EQ(accuracy(got[0].predicted, data.labels), 1.0);
}

TEST(Knn, ZeroRowsAndOneClass) {
  const auto got = knn_classify(at::zeros({3, 4}), labels_of({0, 0, 0}), at::zeros({2, 4}), 1);
  for (const KnnPrediction& p : got) EXPECT_TRUE(at::equal(p.scores, at::ones({2, 1})));
}

TEST(Knn, NamesWhatIsWrong) {
  const at::Tensor x = random(4, 3, 1);
  expect_error(
      [&] {
        knn_classify(x, labels_of({0, 1, 2, 3}), x, 3);
      },
      "bank labels, row 3: got 3");
  expect_error([&] { knn_classify(x, labels_of({0, -1, 2, 1}), x, 3); }, "row 1: got -1");
  expect_error([&] { knn_classify(x, labels_of({0, 1}), x, 3); }, "got 2 values");
  expect_error([&] { knn_classify(x * std::nan(""), labels_of({0, 1, 2, 0}), x, 3); }, "NaN");
  expect_error([&] { knn_classify(x, labels_of({0, 1, 2, 0}), x, 3, {.k = {}}); }, "empty list");
}

TEST(OneShot, NearestExampleByHand) {
  const at::Tensor support = at::tensor({1.0f, 0.0f, 0.0f, 1.0f}).view({2, 2});
  const at::Tensor queries =
      at::tensor({9.0f, 1.0f, 1.0f, 9.0f, 1.0f, 2.0f, 1.0f, 1.0f}).view({4, 2});
  // The last query lies between both: the lower row wins.
  EXPECT_EQ(nearest_example_accuracy(support, labels_of({7, 3}), queries, labels_of({7, 3, 7, 7})),
            0.75);
}

TEST(ClassificationScores, ByHand) {
  const at::Tensor scores =
      at::tensor({5.f, 4.f, 3.f, 2.f, 1.f, 0.f, 0.f, 0.f, 0.f, 0.f, 0.f, 9.f}).view({2, 6});
  const ClassificationScores got = classification_scores(scores, labels_of({1, 4}));
  EXPECT_EQ(got.top1, 0.0);
  EXPECT_EQ(got.top5, 0.5);  // row 1: class 5, then 0 to 3 by index, so class 4 is sixth
}

TEST(Logistic, GradientAgreesWithCentralDifferences) {
  const at::Tensor x = random(40, 6, 2).to(at::kDouble);
  const at::Tensor y = at::arange(40).remainder(3);
  std::vector<double> w(3 * 7), gradient(w.size()), unused(w.size());
  for (size_t i = 0; i < w.size(); ++i) w[i] = std::sin(static_cast<double>(i));
  logistic_objective(x, y, 0.3, w, gradient);
  for (size_t i = 0; i < w.size(); ++i) {
    const double h = 1e-5;
    std::vector<double> up = w, down = w;
    up[i] += h;
    down[i] -= h;
    const double slope =
        (logistic_objective(x, y, 0.3, up, unused) - logistic_objective(x, y, 0.3, down, unused)) /
        (2 * h);
    EXPECT_NEAR(gradient[i], slope, 1e-8) << i;
  }
}

TEST(Logistic, ObjectiveByHand) {
  // Two classes, one feature: scores (x, -x) with x = 1; ce = log(1 + exp(-2)).
  const std::vector<double> w = {1, 0, -1, 0};
  std::vector<double> gradient(4);
  const double value =
      logistic_objective(at::ones({1, 1}, at::kDouble), labels_of({0}), 0.5, w, gradient);
  EXPECT_NEAR(value, std::log1p(std::exp(-2.0)) + 0.25 * 2, 1e-12);
  EXPECT_NEAR(gradient[1], -1 / (1 + std::exp(2.0)), 1e-12);
}

TEST(Logistic, ReachesTheMinimum) {
  const Blobs data(300, 10, 4, 1.5, 3);
  const LogisticModel model =
      fit_logistic(data.features, data.labels, 4,
                   {.weight_decay = 0.01, .float64 = true, .gradient_tolerance = 1e-9});
  EXPECT_TRUE(model.converged);
  // At the minimum weight_decay * W = -gradient of the mean cross-entropy, and biases are centred.
  const at::Tensor p = at::softmax(model.scores(data.features), 1) - at::one_hot(data.labels, 4);
  const at::Tensor g = p.t().mm(data.features.to(at::kDouble)) / 300 + 0.01 * model.weight;
  EXPECT_LE(g.abs().max().item<double>(), 1e-8);
  EXPECT_LE(p.sum(0).abs().max().item<double>(), 1e-5);
}

TEST(Logistic, StandardisingUndoesScaleAndOffset) {
  const Blobs data(200, 6, 3, 1.0, 4);
  const at::Tensor odd = data.features * at::tensor({1e-4, 1.0, 1e4, 1.0, 1.0, 1.0}) + 7;
  const LogisticOptions options = {
      .weight_decay = 0.01, .standardise = true, .float64 = true, .gradient_tolerance = 1e-9};
  const LogisticModel a = fit_logistic(data.features, data.labels, 3, options);
  const LogisticModel b = fit_logistic(odd.to(at::kDouble), data.labels, 3, options);
  EXPECT_NEAR(a.objective, b.objective, 1e-6);
  EXPECT_TRUE(at::allclose(a.scores(data.features), b.scores(odd), 1e-3, 1e-3));
  // Starting from a fitted model, there is nothing left to do.
  EXPECT_LE(fit_logistic(data.features, data.labels, 3, options, &a).iterations, 1);
}

TEST(Logistic, ExtremeInputsStayFinite) {
  const auto finite = [](const LogisticModel& m) {
    return m.weight.isfinite().all().item<bool>() && m.bias.isfinite().all().item<bool>() &&
           std::isfinite(m.objective);
  };
  const at::Tensor x = random(10, 4, 5);
  EXPECT_TRUE(finite(fit_logistic(x, at::zeros({10}, at::kLong), 1)));  // one class
  EXPECT_TRUE(finite(fit_logistic(x, at::zeros({10}, at::kLong), 5)));  // four without rows
  EXPECT_TRUE(finite(fit_logistic(at::zeros({10, 4}), at::arange(10).remainder(2), 2)));
  EXPECT_TRUE(finite(
      fit_logistic(at::zeros({10, 4}), at::arange(10).remainder(2), 2, {.standardise = true})));
  EXPECT_TRUE(finite(fit_logistic(x * 1e6, at::arange(10).remainder(2), 2)));
  EXPECT_TRUE(
      finite(fit_logistic(x, at::arange(10).remainder(2), 2, {.weight_decay = 0})));  // separable
  EXPECT_TRUE(finite(fit_logistic(x.narrow(0, 0, 1), labels_of({1}), 3, {.standardise = true})));
  expect_error([&] { fit_logistic(x / 0.0, at::zeros({10}, at::kLong), 2); }, "training features");
}

TEST(LinearProbe, SeparatesBlobsAndSkipsNoise) {
  const Blobs train(600, 16, 6, 0.8, 6), test(300, 16, 6, 0.8, 7);
  const LinearProbeResult got =
      linear_probe(train.features, train.labels, test.features, test.labels, 6);
  EXPECT_GT(got.test.top1, 0.97);
  EXPECT_GE(got.test.top5, got.test.top1);
  EXPECT_EQ(got.held_out_rows, 120);
  EXPECT_EQ(got.held_out_top1.size(), 7u);
  EXPECT_EQ(got.test.per_class.size(), 6u);
  const LinearProbeResult again =
      linear_probe(train.features, train.labels, test.features, test.labels, 6);
  EXPECT_EQ(again.test.top1, got.test.top1);
}

TEST(LinearProbe, ChoosesStrongDecayForFewNoisyRows) {
  // 24 rows in 200 dimensions: only a strong decay generalises; a tie goes to the larger.
  const Blobs train(24, 200, 2, 6.0, 8), test(400, 200, 2, 6.0, 9);
  const LinearProbeResult got =
      linear_probe(train.features, train.labels, test.features, test.labels, 2);
  EXPECT_EQ(got.train_top1, 1.0);
  EXPECT_TRUE(std::isnan(got.test.top5));
  const double best = *std::max_element(got.held_out_top1.begin(), got.held_out_top1.end());
  const std::vector<double> decays = LinearProbeOptions{}.weight_decays;
  for (size_t i = 0; i < decays.size(); ++i) {
    EXPECT_TRUE(decays[i] <= got.weight_decay || got.held_out_top1[i] < best);
    EXPECT_TRUE(decays[i] != got.weight_decay || got.held_out_top1[i] == best);
  }
}

// One head alone, with autograd and the update written out.
at::Tensor sgd_by_autograd(const at::Tensor& x, const at::Tensor& y, int64_t classes,
                           const SgdHead& head, const LogisticSgdOptions& how) {
  at::Tensor w = at::zeros({classes, x.size(1)}), b = at::zeros({classes});
  at::Tensor vw = at::zeros_like(w), vb = at::zeros_like(b);
  const int64_t n = x.size(0), steps = how.epochs * ((n + how.batch - 1) / how.batch);
  int64_t step = 0;
  for (int64_t epoch = 0; epoch < how.epochs; ++epoch) {
    const auto order = Draws({how.seed, static_cast<uint64_t>(epoch)}).permutation(n);
    for (int64_t begin = 0; begin < n; begin += how.batch, ++step) {
      const at::Tensor rows = at::tensor(order, at::kLong).slice(0, begin, begin + how.batch);
      w.set_requires_grad(true);
      b.set_requires_grad(true);
      (at::cross_entropy_loss(at::linear(x.index_select(0, rows), w, b), y.index_select(0, rows)) +
       head.weight_decay / 2 * w.square().sum())
          .backward();
      const double rate =
          head.learning_rate * 0.5 *
          (1 + std::cos(std::acos(-1.0) * static_cast<double>(step) / static_cast<double>(steps)));
      vw = how.momentum * vw + w.grad();
      vb = how.momentum * vb + b.grad();
      w = w.detach() - rate * vw;
      b = b.detach() - rate * vb;
    }
  }
  return at::cat({w, b.unsqueeze(1)}, 1);
}

TEST(LogisticSgd, EveryHeadIsPlainSgd) {
  const Blobs train(70, 5, 3, 1.0, 21);
  const LogisticSgdOptions how = {.standardise = false, .epochs = 3, .batch = 32, .seed = 4};
  const std::vector<SgdHead> heads = {{0.5, 0}, {0.1, 1e-2}, {0.01, 0.3}};
  const auto models = fit_logistic_sgd(train.features, train.labels, 3, heads, how);
  ASSERT_EQ(models.size(), heads.size());
  for (size_t k = 0; k < heads.size(); ++k) {
    const at::Tensor want = sgd_by_autograd(train.features, train.labels, 3, heads[k], how);
    const at::Tensor got = at::cat({models[k].weight, models[k].bias.unsqueeze(1)}, 1);
    EXPECT_LT((got - want).abs().max().item<double>(), 1e-6) << k;
    EXPECT_EQ(models[k].iterations, 9);
  }
}

TEST(LogisticSgd, ComesToTheMinimumThatLbfgsFinds) {
  const Blobs train(200, 6, 3, 1.5, 22);
  const SgdHead head = {0.3, 1e-2};
  const auto minimum =
      fit_logistic(train.features, train.labels, 3, {.weight_decay = 1e-2, .standardise = true});
  const auto got = fit_logistic_sgd(train.features, train.labels, 3, std::span(&head, 1),
                                    {.epochs = 200, .batch = 200});
  EXPECT_LT((got[0].weight - minimum.weight).abs().max().item<double>(), 1e-3);
}

TEST(SgdLinearProbe, ChoosesARateThatLearnsAndNoneThatDiverges) {
  // Noise common to all features, which only steps along the gradient's later turns get rid of.
  const Blobs train(600, 16, 6, 0.5, 6), test(300, 16, 6, 0.5, 7);
  const auto noisy = [](const Blobs& blobs, uint64_t seed) {
    return blobs.features + 8 * random(blobs.features.size(0), 1, seed) * random(1, 16, 5);
  };
  const at::Tensor train_x = noisy(train, 8), test_x = noisy(test, 9);
  SgdProbeOptions how;
  how.learning_rates = {1e-7, 0.1, 1e30};  // no step, good, diverges
  how.weight_decays = {0, 1e-4};
  const LinearProbeResult got =
      sgd_linear_probe(train_x, train.labels, test_x, test.labels, 6, how);
  EXPECT_EQ(got.learning_rate, 0.1);
  EXPECT_LT(got.held_out_top1[0], 0.9);
  EXPECT_GT(got.test.top1, 0.97);
  EXPECT_EQ(got.held_out_rows, 120);
  ASSERT_EQ(got.held_out_top1.size(), 6u);
  EXPECT_EQ(got.held_out_top1[5], 0);
  how.learning_rates = {};
  expect_error([&] { sgd_linear_probe(train_x, train.labels, test_x, test.labels, 6, how); },
               "learning_rates");
}

TEST(SgdLinearProbe, OneRowAClassTakesTheMiddle) {
  const Blobs train(3, 8, 3, 0.1, 10), test(30, 8, 3, 0.1, 11);
  const LinearProbeResult got =
      sgd_linear_probe(train.features, train.labels, test.features, test.labels, 3);
  EXPECT_EQ(got.held_out_rows, 0);
  EXPECT_EQ(got.learning_rate, 0.03);
  EXPECT_EQ(got.weight_decay, 1e-4);
  EXPECT_EQ(got.test.top1, 1.0);
}

TEST(LinearProbe, OneRowAClass) {
  const Blobs train(3, 8, 3, 0.1, 10), test(30, 8, 3, 0.1, 11);
  const LinearProbeResult got =
      linear_probe(train.features, train.labels, test.features, test.labels, 3);
  EXPECT_EQ(got.held_out_rows, 0);
  EXPECT_EQ(got.weight_decay, 1e-3);
  EXPECT_EQ(got.test.top1, 1.0);
}

}  // namespace
}  // namespace vistas::measure
