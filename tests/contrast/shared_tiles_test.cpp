// Threads that share the work of all pairs get what each would compute alone.
#include "vistas/contrast/shared_tiles.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "support/partners.h"
#include "vistas/contrast/info_nce.h"
#include "vistas/contrast/nt_xent.h"
#include "vistas/contrast/siglip.h"
#include "vistas/contrast/sup_con.h"

namespace vistas::contrast {
namespace {

std::unique_ptr<PairTiles> alone(PairSet pairs) {
  return pair_tiles(std::move(pairs));
}

at::Tensor random(at::IntArrayRef sizes, uint64_t seed) {
  return at::randn(sizes, at::detail::createCPUGenerator(seed), at::kDouble);
}

// Of float64 pairs; float32 ones are off by some 1e-6.
double tolerance = 1e-11;

void expect_near(const at::Tensor& got, const at::Tensor& want) {
  ASSERT_EQ(got.defined(), want.defined());
  if (!want.defined()) return;
  EXPECT_TRUE(at::allclose(got, want, tolerance, tolerance)) << got - want;
}

void expect_pulls(const PairTiles::Pulls& got, const PairTiles::Pulls& want) {
  expect_near(got.x, want.x);
  expect_near(got.y, want.y);
}

void check_one(const PairSet& pairs) {
  const bool self = !pairs.y.defined();
  const int64_t n = pairs.x.size(0), m = self ? n : pairs.y.size(0);
  const auto whole = alone(pairs);
  const auto sums = whole->log_sums(true);
  const PairTiles::Share rows{sums.rows, random({n}, 5)};
  const PairTiles::Share columns =
      self ? PairTiles::Share{} : PairTiles::Share{sums.columns, random({m}, 6)};
  const auto pulls = whole->softmax_pulls(rows, columns, true);
  const auto [attended, means] = whole->attend();
  for (const int64_t parts : {2, 3, 4, 5}) {
    SCOPED_TRACE(parts);
    test::together(parts, [&](const search::Partners& partner) {
      const auto shared = shared_tiles(pairs, partner, alone);
      const auto got = shared->log_sums(true);
      expect_near(got.rows, sums.rows);
      expect_near(got.columns, sums.columns);
      expect_near(shared->log_sums(false).rows, sums.rows);
      expect_pulls(shared->softmax_pulls(rows, columns, true), pulls);
      const auto [own_sums, own_means] = shared->attend();
      expect_near(own_sums, attended);
      expect_near(own_means, means);
      if (self) return;
      expect_pulls(shared->softmax_pulls(rows, {}, false), whole->softmax_pulls(rows, {}, false));
      const auto sigmoids = whole->sigmoids(-1, true), own = shared->sigmoids(-1, true);
      expect_near(own.losses, sigmoids.losses);
      expect_near(own.weights, sigmoids.weights);
      expect_pulls(own.pulls, sigmoids.pulls);
      expect_near(shared->sigmoids(-1, false).losses, sigmoids.losses);
    });
  }
}

// In both types, whose tiles differ.
void check(PairSet pairs) {
  check_one(pairs);
  pairs.x = pairs.x.to(at::kFloat);
  if (pairs.y.defined()) pairs.y = pairs.y.to(at::kFloat);
  tolerance = 1e-5;
  check_one(pairs);
  tolerance = 1e-11;
}

TEST(SharedTiles, AreThoseOfOneAlone) {
  const at::Tensor x = random({23, 6}, 1), y = random({17, 6}, 2);
  const at::Tensor group = at::tensor(std::vector<int64_t>{
      0, 1, 2, 3, 0, 5, 6, 1, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 2, 20, 21, 3});
  check({.x = x, .scale = 0.7, .without = {0}});
  check({.x = x.narrow(0, 0, 22), .scale = 0.7, .without = {0, 11}});
  check({.x = x, .scale = 2, .without = {0}, .x_group = group});
  check({.x = x.narrow(0, 0, 3), .scale = 1, .without = {0}});  // fewer rows than parts
  check({.x = x, .y = y, .scale = 0.7});
  check({.x = y, .y = x, .scale = 0.7, .without = {0}});
  check({.x = y,
         .y = x,
         .scale = 0.7,
         .without = {0, 3},
         .x_group = group.narrow(0, 0, 17),
         .y_group = group});
}

TEST(SharedTiles, EveryPairIsComputedOnceAndSharesAreEven) {
  for (const int64_t parts : {2, 3, 4, 5, 8}) {
    for (const int64_t rows : {2, 7, 64, 129}) {
      at::Tensor times = at::zeros({rows, rows}, at::kLong);
      int64_t most = 0, sum = 0;
      for (int64_t part = 0; part < parts; ++part) {
        int64_t pairs = 0;
        for (const PairBlock& b : blocks_among_themselves(rows, part, parts)) {
          const at::Tensor block = times.narrow(0, b.x, b.x_rows).narrow(1, b.y, b.y_rows);
          if (b.self) {
            block.add_(at::ones_like(block).triu());
            pairs += b.x_rows * (b.x_rows + 1) / 2;
          } else {
            block.add_(1);
            pairs += b.x_rows * b.y_rows;
          }
        }
        most = std::max(most, pairs);
        sum += pairs;
      }
      // One of (i, j) and (j, i).
      const at::Tensor either = times + times.t() - times.diag().diag();
      EXPECT_TRUE((either == 1).all().item<bool>()) << rows << " rows, " << parts << " parts";
      EXPECT_EQ(sum, rows * (rows + 1) / 2);
      if (rows > 8 * parts) {
        EXPECT_LT(static_cast<double>(most),
                  1.15 * static_cast<double>(sum) / static_cast<double>(parts));
      }
    }
  }
}

struct Result {
  double loss;
  std::vector<at::Tensor> gradients;
};

Result run(const std::function<at::Tensor(const at::Tensor&, const at::Tensor&)>& loss) {
  const at::Tensor a = random({600, 32}, 1).requires_grad_(),
                   b = random({600, 32}, 2).requires_grad_();
  const at::Tensor value = loss(a, b);
  value.backward();
  return {value.item<double>(), {a.grad(), b.grad()}};
}

TEST(SharedTiles, LossesOfManyPairsShareThem) {
  const at::Tensor labels = at::arange(1200).remainder(50), keys = random({2000, 32}, 3);
  const std::vector<
      std::pair<const char*, std::function<at::Tensor(const at::Tensor&, const at::Tensor&)>>>
      losses = {
          {"nt_xent", [](const auto& a, const auto& b) { return nt_xent(a, b); }},
          {"info_nce",
           [](const auto& a, const auto& b) { return info_nce(a, b, {.symmetric = true}); }},
          {"queue",
           [&](const auto& a, const auto& b) { return info_nce_queue(a, b, keys) + 0 * b.sum(); }},
          {"sup_con",
           [&](const auto& a, const auto& b) {
             return sup_con(at::cat({a, b}), labels);
           }},
          {"siglip",
           [](const auto& a, const auto& b) {
             return siglip(a, b, at::scalar_tensor(2.0, at::kDouble),
                           at::scalar_tensor(-5.0, at::kDouble));
           }},
      };
  for (const auto& [name, loss] : losses) {
    SCOPED_TRACE(name);
    const Result whole = run(loss);
    const int64_t exchanges = test::together(3, [&, &loss = loss](const search::Partners& partner) {
      const search::PartnersScope scope(partner);
      const Result shared = run(loss);
      EXPECT_NEAR(shared.loss, whole.loss, 1e-11 * std::abs(whole.loss));
      for (size_t i = 0; i < 2; ++i) expect_near(shared.gradients[i], whole.gradients[i]);
    });
    EXPECT_GE(exchanges, 2);
    EXPECT_EQ(search::PartnersScope::current(int64_t{1} << 40), nullptr);
  }
}

}  // namespace
}  // namespace vistas::contrast
