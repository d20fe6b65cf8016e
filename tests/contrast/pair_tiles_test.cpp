// The tiles against the whole matrix in float64.
#include "vistas/contrast/pair_tiles.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <tuple>

namespace vistas::contrast {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

at::Tensor random_rows(int64_t n, int64_t d, uint64_t seed) {
  auto generator = at::detail::createCPUGenerator(seed);
  const at::Tensor x = at::randn({n, d}, generator, at::kDouble);
  // Rounded, so that float32 and float64 tiles see the same numbers.
  return (x / at::linalg_vector_norm(x, 2, {1}, true)).to(at::kFloat).to(at::kDouble);
}

// The whole matrix in float64, pairs that are left out at -inf.
at::Tensor matrix(const PairSet& pairs) {
  const at::Tensor& y = pairs.y.defined() ? pairs.y : pairs.x;
  at::Tensor s = at::mm(pairs.x, y.t()) * pairs.scale;
  for (const int64_t k : pairs.without) {
    if (-s.size(0) >= k || k >= s.size(1)) continue;
    s.diagonal(k).fill_(-kInfinity);
    if (!pairs.y.defined()) s.diagonal(-k).fill_(-kInfinity);
  }
  if (pairs.x_group.defined()) {
    const at::Tensor& y_group = pairs.y.defined() ? pairs.y_group : pairs.x_group;
    s.masked_fill_(pairs.x_group.unsqueeze(1) == y_group, -kInfinity);
  }
  return s;
}

PairSet narrowed(PairSet pairs) {
  pairs.x = pairs.x.to(at::kFloat);
  if (pairs.y.defined()) pairs.y = pairs.y.to(at::kFloat);
  return pairs;
}

// The largest difference over the largest value; both may hold -inf at the same places.
double error(const at::Tensor& got, const at::Tensor& want) {
  if (got.sizes() != want.sizes() || !got.isneginf().equal(want.isneginf())) return kInfinity;
  const at::Tensor finite = want.isneginf().logical_not();
  const at::Tensor g = at::where(finite, got, 0), w = at::where(finite, want, 0);
  const double largest = w.abs().max().item<double>();
  return (g - w).abs().max().item<double>() / std::max(largest, 1e-30);
}

double frobenius_error(const at::Tensor& got, const at::Tensor& want) {
  return ((got - want).norm() / want.norm()).item<double>();
}

at::Tensor weights(int64_t n, uint64_t seed) {
  auto generator = at::detail::createCPUGenerator(seed);
  return at::randn({n}, generator, at::kDouble);
}

// Log sums, pulls and attention of `pairs` [float64], by tiles of both types, against the matrix.
void check_softmax(const PairSet& pairs) {
  const bool self = !pairs.y.defined();
  const at::Tensor& y = self ? pairs.x : pairs.y;
  const at::Tensor s = matrix(pairs);
  const at::Tensor rows = s.logsumexp(1), columns = s.logsumexp(0);
  const at::Tensor r = weights(s.size(0), 5), q = self ? r : weights(s.size(1), 6);
  const at::Tensor by_row = (s - rows.unsqueeze(1)).exp().nan_to_num(0) * r.unsqueeze(1);
  const at::Tensor both = by_row + (s - columns).exp().nan_to_num(0) * q;
  const at::Tensor mean = at::mm((s - rows.unsqueeze(1)).exp().nan_to_num(0), y);

  // float32 logits up to L are off by some 1e-7 L.
  const double single = 2e-7 * std::max(5.0, pairs.scale);
  for (const auto& [set, tolerance] :
       {std::pair{pairs, 1e-12}, std::pair{narrowed(pairs), single}}) {
    SCOPED_TRACE(tolerance);
    const auto tiles = pair_tiles(set);
    const auto sums = tiles->log_sums(true);
    EXPECT_LE(error(sums.rows, rows), tolerance);
    const auto pulls = tiles->softmax_pulls(
        {rows, r}, self ? PairTiles::Share() : PairTiles::Share{columns, q}, true);
    EXPECT_LE(error(pulls.x, at::mm(both, y)), tolerance);
    EXPECT_EQ(sums.columns.defined(), !self);
    EXPECT_EQ(pulls.y.defined(), !self);
    if (self) continue;
    EXPECT_LE(error(sums.columns, columns), tolerance);
    EXPECT_LE(error(pulls.y, at::mm(both.t(), pairs.x)), tolerance);
    const auto only_rows = tiles->softmax_pulls({rows, r}, {}, false);
    EXPECT_LE(error(only_rows.x, at::mm(by_row, y)), tolerance);
    EXPECT_FALSE(only_rows.y.defined());
    const auto [log_sums, means] = tiles->attend();
    EXPECT_LE(error(log_sums, rows), tolerance);
    EXPECT_LE(error(means, mean), tolerance);
  }
}

constexpr double kScales[] = {10, 50, 100};  // the first without shifts

TEST(PairTiles, RowsAmongThemselves) {
  for (const int64_t n : {1, 2, 3, 127, 256, 257, 1000}) {
    for (const double scale : kScales) {
      SCOPED_TRACE(testing::Message() << n << " rows, scale " << scale);
      check_softmax({.x = random_rows(n, 40, 1), .scale = scale, .without = {0, n / 2}});
    }
  }
}

TEST(PairTiles, RowsAgainstOthers) {
  for (const auto& [n, m] :
       {std::pair<int64_t, int64_t>{1, 1}, {2, 5}, {127, 257}, {300, 90}, {64, 1000}}) {
    for (const double scale : kScales) {
      SCOPED_TRACE(testing::Message() << n << " x " << m << ", scale " << scale);
      check_softmax(
          {.x = random_rows(n, 40, 1), .y = random_rows(m, 40, 2), .scale = scale, .without = {0}});
    }
  }
}

TEST(PairTiles, Groups) {
  const at::Tensor x = random_rows(300, 16, 1), y = random_rows(200, 16, 2);
  const at::Tensor group = at::arange(300).div(7, "floor"), other = at::arange(200) % 30;
  for (const double scale : kScales) {
    SCOPED_TRACE(scale);
    check_softmax({.x = x, .scale = scale, .x_group = group});
    check_softmax(
        {.x = x, .y = y, .scale = scale, .without = {3}, .x_group = group, .y_group = other});
  }
}

TEST(PairTiles, WidthsThatFillNoVector) {
  for (const int64_t d : {1, 2, 31, 33, 200, 600}) {
    SCOPED_TRACE(d);
    check_softmax({.x = random_rows(50, d, 1), .y = random_rows(70, d, 2), .scale = 5});
  }
}

// Logits from -5,000 to 5,000: only shifts keep sums finite.
TEST(PairTiles, LongRows) {
  const at::Tensor x = random_rows(200, 8, 1) * at::linspace(0, 100, 200).unsqueeze(1).round();
  const PairSet pairs{.x = x, .without = {0}};
  const at::Tensor rows = matrix(pairs).logsumexp(1);
  EXPECT_LE(error(pair_tiles(narrowed(pairs))->log_sums(false).rows, rows), 1e-6);
}

TEST(PairTiles, Sigmoids) {
  for (const auto& [n, m] : {std::pair<int64_t, int64_t>{1, 1}, {127, 257}, {300, 90}}) {
    for (const double bias : {-10.0, 0.0, 3.0}) {
      const PairSet pairs{
          .x = random_rows(n, 40, 1), .y = random_rows(m, 40, 2), .scale = 20, .without = {0}};
      const at::Tensor s = matrix(pairs) + bias;
      const at::Tensor losses = at::log_sigmoid(-s).sum(1).neg(), w = s.sigmoid();
      for (const auto& [set, tolerance] :
           {std::pair{pairs, 1e-12}, std::pair{narrowed(pairs), 2e-6}}) {
        SCOPED_TRACE(testing::Message()
                     << n << " x " << m << ", bias " << bias << ", " << tolerance);
        const auto got = pair_tiles(set)->sigmoids(bias, true);
        EXPECT_LE(error(got.losses, losses), tolerance);
        EXPECT_LE(error(got.weights, w.sum(1)), tolerance);
        EXPECT_LE(error(got.pulls.x, at::mm(w, pairs.y)), tolerance);
        EXPECT_LE(error(got.pulls.y, at::mm(w.t(), pairs.x)), tolerance);
        EXPECT_TRUE(pair_tiles(set)->sigmoids(bias, false).losses.equal(got.losses));
      }
    }
  }
}

TEST(PairTiles, BFloat16OperandsAreOffByWhatTheHeaderSays) {
  for (const double scale : kScales) {
    PairSet pairs{.x = random_rows(700, 64, 1), .y = random_rows(500, 64, 2), .scale = scale};
    const at::Tensor s = matrix(pairs);
    const at::Tensor rows = s.logsumexp(1), columns = s.logsumexp(0),
                     r = at::ones(700, at::kDouble), q = at::ones(500, at::kDouble);
    const at::Tensor c = (s - rows.unsqueeze(1)).exp() + (s - columns).exp();
    pairs = narrowed(pairs);
    pairs.bf16 = true;
    const auto tiles = pair_tiles(pairs);
    const auto pulls = tiles->softmax_pulls({rows, r}, {columns, q}, true);
    const auto check = [&](const at::Tensor& got, const at::Tensor& want) {
      EXPECT_LE(frobenius_error(got, want), 5e-4 * scale);
      EXPECT_GT(frobenius_error(got, want), 1e-5);  // the option does something
    };
    check(pulls.x, at::mm(c, pairs.y.to(at::kDouble)));
    check(pulls.y, at::mm(c.t(), pairs.x.to(at::kDouble)));
    EXPECT_LE((tiles->log_sums(false).rows - rows).abs().max().item<double>(), 1e-3 * scale);
  }
}

TEST(PairTiles, SameBitsEveryTime) {
  for (const bool bf16 : {false, true}) {
    for (const double scale : kScales) {
      const PairSet self{.x = random_rows(900, 32, 1).to(at::kFloat),
                         .scale = scale,
                         .without = {0},
                         .bf16 = bf16};
      PairSet two = self;
      two.y = random_rows(1100, 32, 2).to(at::kFloat);
      const auto run = [&] {
        const auto own = pair_tiles(self), others = pair_tiles(two);
        const auto a = own->log_sums(false).rows;
        const auto b = others->log_sums(true);
        const auto g = own->softmax_pulls({a, at::ones_like(a)}, {}, false).x;
        const auto h = others->softmax_pulls({b.rows, at::ones_like(b.rows)},
                                             {b.columns, at::ones_like(b.columns)}, true);
        return at::cat({a, b.rows, b.columns, g.reshape(-1), h.x.reshape(-1), h.y.reshape(-1)});
      };
      const at::Tensor first = run();
      for (int i = 0; i < 3; ++i) EXPECT_TRUE(run().equal(first));
    }
  }
}

TEST(PairTiles, NanIsNotHidden) {
  at::Tensor x = random_rows(300, 8, 1).to(at::kFloat);
  x[200][3] = std::numeric_limits<float>::quiet_NaN();
  const auto tiles = pair_tiles({.x = x, .y = random_rows(20, 8, 2).to(at::kFloat)});
  EXPECT_TRUE(tiles->log_sums(false).rows.isnan().any().item<bool>());
  EXPECT_TRUE(tiles->attend().second.isnan().any().item<bool>());
  EXPECT_TRUE(tiles->sigmoids(0, true).pulls.y.isnan().any().item<bool>());
}

}  // namespace
}  // namespace vistas::contrast
