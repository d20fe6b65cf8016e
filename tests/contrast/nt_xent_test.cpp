#include "vistas/contrast/nt_xent.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "vistas/base/error.h"

namespace vistas::contrast {
namespace {

constexpr Similarity kAll[] = {Similarity::cosine, Similarity::dot, Similarity::euclidean,
                               Similarity::squared_euclidean, Similarity::manhattan};

at::Tensor random(int64_t rows, int64_t columns, uint64_t seed) {
  auto generator = at::detail::createCPUGenerator(seed);
  return at::randn({rows, columns}, generator, at::kDouble);
}

// Two samples on the axes of the plane: unit vectors e1, e2 in one view, e1, e1 in the other.
TEST(NtXent, ByHand) {
  const at::Tensor a = at::tensor({1.0, 0.0, 0.0, 1.0}, at::kDouble).view({2, 2});
  const at::Tensor b = at::tensor({1.0, 0.0, 1.0, 0.0}, at::kDouble).view({2, 2});
  // Cosines of rows 0..3 = e1, e2, e1, e1, at T = 1, by row (target first):
  //   0: 1 | 0, 1    1: 0 | 0, 0    2: 1 | 0, 1    3: 0 | 1, 1
  const double e = std::exp(1.0);
  const double want = (2 * std::log((2 * e + 1) / e) + std::log(3.0) + std::log(1 + 2 * e)) / 4;
  EXPECT_NEAR(nt_xent(a, b, {.temperature = 1}).item<double>(), want, 1e-14);
}

TEST(NtXent, GradientMatchesCentralDifferences) {
  for (const Similarity kind : kAll) {
    const NtXentOptions options{.temperature = 0.7, .similarity = kind};
    at::Tensor a = random(4, 3, 1).requires_grad_(true), b = random(4, 3, 2).requires_grad_(true);
    (3 * nt_xent(a, b, options)).backward();  // a factor, so that the incoming gradient counts
    at::NoGradGuard no_grad;
    constexpr double kStep = 1e-5;
    for (at::Tensor* x : {&a, &b}) {
      for (int64_t i = 0; i < x->numel(); ++i) {
        double* value = x->data_ptr<double>() + i;
        const double middle = *value;
        *value = middle + kStep;
        const double up = 3 * nt_xent(a, b, options).item<double>();
        *value = middle - kStep;
        const double down = 3 * nt_xent(a, b, options).item<double>();
        *value = middle;
        EXPECT_NEAR(x->grad().view(-1)[i].item<double>(), (up - down) / (2 * kStep), 1e-8);
      }
    }
  }
}

TEST(NtXent, SamplesAndViewsMayBePermuted) {
  const at::Tensor a = random(6, 5, 3), b = random(6, 5, 4);
  const at::Tensor order = at::tensor({4, 0, 5, 2, 1, 3}, at::kLong);
  for (const Similarity kind : kAll) {
    const NtXentOptions options{.temperature = 0.3, .similarity = kind};
    const double loss = nt_xent(a, b, options).item<double>();
    EXPECT_NEAR(nt_xent(a.index({order}), b.index({order}), options).item<double>(), loss, 1e-12);
    EXPECT_NEAR(nt_xent(b, a, options).item<double>(), loss, 1e-12);
    EXPECT_GT(std::abs(nt_xent(a.index({order}), b, options).item<double>() - loss), 1e-3);
  }
}

TEST(NtXent, ExtremeRowsStayFinite) {
  at::Tensor equal = at::ones({5, 4}), zero = at::zeros({5, 4}), mixed = at::randn({5, 4});
  mixed.select(0, 2).zero_();
  for (const Similarity kind : kAll) {
    for (const double temperature : {0.01, 100.0}) {
      for (const at::Tensor& rows : {equal, zero, mixed}) {
        at::Tensor a = rows.clone().requires_grad_(true), b = rows.clone().requires_grad_(true);
        const at::Tensor loss = nt_xent(a, b, {.temperature = temperature, .similarity = kind});
        loss.backward();
        EXPECT_TRUE(std::isfinite(loss.item<double>()));
        EXPECT_TRUE(a.grad().isfinite().all().item<bool>());
        EXPECT_LT(a.grad().abs().max().item<double>(), 1e4);
      }
      // All rows are alike: every other row is as good as the partner.
      EXPECT_NEAR(
          nt_xent(equal, equal, {.temperature = temperature, .similarity = kind}).item<double>(),
          std::log(9.0), 1e-5);
    }
  }
}

// log(1 + 2 exp(-1/T)) of two far negatives: float32 would lose it in 1 + x.
TEST(NtXent, KeepsTinyLossesAndGradients) {
  at::Tensor a = at::eye(2).requires_grad_(true);
  const at::Tensor b = at::eye(2);
  const at::Tensor loss = nt_xent(a, b, {.temperature = 0.03});
  loss.backward();
  const double rest = 2 * std::exp(-1 / 0.03);
  EXPECT_NEAR(loss.item<double>() / rest, 1, 1e-4);
  EXPECT_GT(a.grad().abs().max().item<double>(), 0);
}

TEST(NtXent, OneSampleHasNoNegatives) {
  at::Tensor a = at::randn({1, 8}).requires_grad_(true);
  const at::Tensor loss = nt_xent(a, at::randn({1, 8}));
  loss.backward();
  EXPECT_EQ(loss.item<double>(), 0);
  EXPECT_EQ(a.grad().abs().max().item<double>(), 0);
}

TEST(NtXent, BFloat16IsComputedInFloat32EvenUnderAutocast) {
  const at::Tensor a = at::randn({64, 32}).to(at::kBFloat16), b = at::randn({64, 32}).to(a.dtype());
  const double want = nt_xent(a.to(at::kFloat), b.to(at::kFloat)).item<double>();
  at::autocast::set_autocast_enabled(at::kCPU, true);
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  at::Tensor leaf = a.clone().requires_grad_(true);
  const at::Tensor loss = nt_xent(leaf, b);
  const double widened = nt_xent(a.to(at::kFloat), b.to(at::kFloat)).item<double>();
  at::autocast::set_autocast_enabled(at::kCPU, false);
  loss.backward();
  EXPECT_EQ(loss.scalar_type(), at::kFloat);
  EXPECT_EQ(leaf.grad().scalar_type(), at::kBFloat16);
  EXPECT_EQ(loss.item<double>(), want);
  EXPECT_EQ(widened, want);
}

TEST(NtXent, NanIsNotHidden) {
  at::Tensor a = at::randn({4, 4}), b = at::randn({4, 4});
  a[1][2] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(nt_xent(a, b).item<double>()));
}

TEST(NtXent, MisuseIsNamed) {
  const at::Tensor a = at::randn({4, 8}).requires_grad_(true);
  EXPECT_THROW(nt_xent(a, at::randn({3, 8})), Error);
  EXPECT_THROW(nt_xent(at::randn({4}), at::randn({4})), Error);
  EXPECT_THROW(nt_xent(at::empty({0, 8}), at::empty({0, 8})), Error);
  EXPECT_THROW(nt_xent(a, at::randn({4, 8}, at::kDouble)), Error);
  EXPECT_THROW(nt_xent(a, a, {.temperature = 0}), Error);
  EXPECT_THROW(nt_xent(a, a).backward({}, /*retain_graph=*/true, /*create_graph=*/true), Error);
}

TEST(NtXentOptions, SimilarityByName) {
  NtXentOptions options;
  Fields fields = fields_of(options);
  fields.set_all(parse_toml("similarity = 'squared_euclidean'\ntemperature = 0.5", "test"));
  EXPECT_EQ(options.similarity, Similarity::squared_euclidean);
  EXPECT_THROW(fields.set_all(parse_toml("similarity = 'cosin'", "test")), Error);
  EXPECT_NE(fields.to_toml().find("similarity = \"squared_euclidean\""), std::string::npos);
}

}  // namespace
}  // namespace vistas::contrast
