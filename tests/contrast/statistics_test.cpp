#include "vistas/contrast/statistics.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/small_tensors.h"
#include "vistas/base/error.h"

namespace vistas::contrast {
namespace {

TEST(Statistics, CollapseIsVisible) {
  const at::Tensor same = at::ones({32, 16});
  EXPECT_EQ(alignment(same, same), 0);
  EXPECT_NEAR(uniformity(same), 0, 1e-12);
  EXPECT_NEAR(embedding_std(same), 0, 1e-12);
  EXPECT_NEAR(mean_cosine(same), 1, 1e-12);
  EXPECT_NEAR(rank_me(same), 1, 1e-4);
}

TEST(Statistics, EvenSpread) {
  const at::Tensor axes = at::cat({at::eye(8), -at::eye(8)}).repeat({8, 1});
  EXPECT_NEAR(rank_me(axes), 8, 1e-4);
  EXPECT_NEAR(covariance_effective_rank(axes), 8, 1e-9);
  EXPECT_NEAR(embedding_std(axes) * std::sqrt(8.0), 1, 0.01);
  EXPECT_NEAR(alignment(axes, -axes), 4, 1e-12);
  EXPECT_NEAR(positive_cosine(axes, -axes), -1, 1e-12);
}

TEST(Statistics, UniformityIsTheMeanOverAllPairs) {
  for (const int64_t n : {2, 300, 600}) {
    const at::Tensor x = random(n, 10, static_cast<uint64_t>(n));
    const at::Tensor distances = at::pdist(x / x.norm(2, {1}, true));
    EXPECT_NEAR(uniformity(x), distances.square().mul(-2).exp().mean().log().item<double>(), 1e-12);
  }
}

TEST(Statistics, ZeroAndNonFiniteRows) {
  const at::Tensor zero = at::zeros({4, 3});
  for (const double value : {rank_me(zero), covariance_effective_rank(zero), uniformity(zero),
                             embedding_std(zero), mean_cosine(zero), mean_norm(zero)}) {
    EXPECT_TRUE(std::isfinite(value));
  }
  at::Tensor bad = at::randn({4, 3});
  bad[0][0] = std::numeric_limits<float>::infinity();
  EXPECT_TRUE(std::isnan(rank_me(bad)));
  EXPECT_TRUE(std::isnan(covariance_effective_rank(bad)));
  EXPECT_THROW(rank_me(at::randn({1, 3})), Error);
  EXPECT_THROW(alignment(zero, at::zeros({4, 2})), Error);
}

}  // namespace
}  // namespace vistas::contrast
