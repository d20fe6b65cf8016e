#include "vistas/search/top_k.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "vistas/base/error.h"

namespace vistas::search {
namespace {

constexpr Metric kMetrics[] = {Metric::dot, Metric::cosine, Metric::l2};

// Every score in float64, rounded once, sorted by (score descending, index).
TopK naive(const at::Tensor& queries, const at::Tensor& bank, int64_t k, Metric metric) {
  const at::Tensor q = queries.to(at::kDouble), b = bank.to(at::kDouble);
  const at::Tensor indices = at::empty({q.size(0), k}, at::kLong);
  const at::Tensor scores = at::empty({q.size(0), k}, at::kFloat);
  for (int64_t i = 0; i < q.size(0); ++i) {
    at::Tensor row = metric == Metric::l2 ? -(b - q[i]).square().sum(1) : b.mv(q[i]);
    if (metric == Metric::cosine) {
      row = at::nan_to_num(row / (b.norm(2, 1) * q[i].norm()), 0.0);
    }
    row = row.to(at::kFloat);
    std::vector<int64_t> order(static_cast<size_t>(b.size(0)));
    std::iota(order.begin(), order.end(), int64_t{0});
    const float* data = row.const_data_ptr<float>();
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t x, int64_t y) { return data[x] > data[y]; });
    for (int64_t j = 0; j < k; ++j) {
      const int64_t best = order[static_cast<size_t>(j)];
      indices.mutable_data_ptr<int64_t>()[i * k + j] = best;
      scores.mutable_data_ptr<float>()[i * k + j] = data[best];
    }
  }
  return {indices, scores};
}

void expect_same(const TopK& got, const TopK& want) {
  EXPECT_TRUE(at::equal(got.indices, want.indices));
  EXPECT_TRUE(at::equal(got.scores, want.scores));
}

at::Tensor random(int64_t rows, int64_t width, uint64_t seed) {
  return at::randn({rows, width}, at::make_generator<at::CPUGeneratorImpl>(seed));
}

// Small whole numbers: many exact ties, and float64 sums do not depend on their order.
at::Tensor whole_numbers(int64_t rows, int64_t width, uint64_t seed) {
  return at::randint(-2, 3, {rows, width}, at::make_generator<at::CPUGeneratorImpl>(seed))
      .to(at::kFloat);
}

TEST(TopK, EqualsTheNaiveLoop) {
  const at::Tensor bank = random(3000, 17, 1), queries = random(23, 17, 2);
  for (const Metric metric : kMetrics) {
    const TopK got = top_k(queries, bank, 40, metric);
    const TopK want = naive(queries, bank, 40, metric);
    EXPECT_TRUE(at::equal(got.indices, want.indices));
    EXPECT_TRUE(at::allclose(got.scores, want.scores, 1e-6, 1e-6));
  }
}

TEST(TopK, TiesGoToTheLowerIndex) {
  const at::Tensor bank = whole_numbers(5000, 4, 3), queries = whole_numbers(9, 4, 4);
  for (const Metric metric : {Metric::dot, Metric::l2}) {
    for (const int64_t k : {1, 7, 1500, 5000}) {
      expect_same(top_k(queries, bank, k, metric), naive(queries, bank, k, metric));
    }
  }
}

TEST(TopK, CopiesOfOneRowComeInOrder) {
  const at::Tensor row = random(1, 33, 5);
  const at::Tensor bank = row.expand({20000, 33});
  const at::Tensor first = at::arange(50).unsqueeze(0).expand({3, 50});
  for (const Metric metric : kMetrics) {
    const TopK got = top_k(random(3, 33, 6), bank, 50, metric);
    EXPECT_TRUE(at::equal(got.indices, first));
    EXPECT_TRUE(at::equal(got.scores, got.scores.narrow(1, 0, 1).expand({3, 50})));
  }
  EXPECT_EQ(top_k(row, bank, 1, Metric::l2).scores.item<float>(), 0.0f);
  EXPECT_EQ(top_k(row, bank, 1, Metric::cosine).scores.item<float>(), 1.0f);
}

// Rows that differ by less than the rounding error of a float32 product.
TEST(TopK, NearTiesAreRankedByTheTrueScore) {
  at::Tensor bank = random(1, 256, 7).expand({4000, 256}).clone();
  bank.select(1, 0).add_(at::arange(4000).remainder(37).to(at::kFloat) * 1e-6f);
  const at::Tensor queries = random(5, 256, 8) + 3;
  for (const Metric metric : kMetrics) {
    const TopK got = top_k(queries, bank, 300, metric);
    const TopK want = naive(queries, bank, 300, metric);
    EXPECT_TRUE(at::allclose(got.scores, want.scores, 2e-7, 0));
    EXPECT_TRUE(std::get<0>(got.indices.sort(1)).diff().gt(0).all().item<bool>());
  }
}

TEST(TopK, SameResultForAnyThreadsAndBlocks) {
  const at::Tensor bank = random(1111, 32, 9), queries = random(37, 32, 10);
  const int threads = at::get_num_threads();
  for (const Metric metric : kMetrics) {
    const TopK want = top_k(queries, bank, 20, metric);
    for (const int count : {1, 2}) {
      at::set_num_threads(count);
      for (const Blocks& blocks :
           {Blocks{1, 100}, Blocks{16, 2048}, Blocks{500, 9999}, Blocks{7, 13}}) {
        expect_same(top_k(queries, bank, 20, metric, {}, blocks), want);
      }
    }
    at::set_num_threads(threads);
  }
}

TEST(TopK, ZeroRowsHaveCosineZero) {
  const at::Tensor bank = at::tensor({1.0f, 0.0f, 0.0f, 0.0f, -1.0f, 0.0f}).view({3, 2});
  const TopK got =
      top_k(at::tensor({2.0f, 0.0f, 0.0f, 0.0f}).view({2, 2}), bank, 3, Metric::cosine);
  EXPECT_TRUE(at::equal(got.indices, at::tensor({0, 1, 2, 0, 1, 2}, at::kLong).view({2, 3})));
  EXPECT_TRUE(
      at::equal(got.scores, at::tensor({1.0f, 0.0f, -1.0f, 0.0f, 0.0f, 0.0f}).view({2, 3})));
}

TEST(TopK, HugeAndTinyValues) {
  const at::Tensor bank = random(3000, 8, 11), queries = random(4, 8, 12);
  const TopK want = naive(queries, bank, 10, Metric::cosine);
  for (const double factor : {1e30, 1e-30, 1e-39}) {
    const at::Tensor b = bank * factor, q = queries * factor;
    const TopK got = top_k(q, b, 10, Metric::cosine);
    const TopK again = naive(q, b, 10, Metric::cosine);
    EXPECT_TRUE(at::equal(got.indices, again.indices)) << factor;
    EXPECT_TRUE(factor < 1e-35 || at::equal(got.indices, want.indices)) << factor;
  }
  // Products that leave float32 and come back: infinity minus infinity in the fast stage.
  at::Tensor wild = random(2000, 4, 13);
  wild.narrow(1, 0, 2).fill_(3e38f);
  const at::Tensor query = at::tensor({3e38f, -3e38f, 1.0f, 1.0f}).view({1, 4});
  EXPECT_TRUE(
      at::equal(top_k(query, wild * at::tensor({0.0f, 0.0f, 1.0f, 1.0f}), 5, Metric::dot).indices,
                naive(query, wild * at::tensor({0.0f, 0.0f, 1.0f, 1.0f}), 5, Metric::dot).indices));
  EXPECT_TRUE(at::equal(top_k(query, wild, 5, Metric::cosine).scores, at::zeros({1, 5})));
}

TEST(TopK, FewerRowsThanK) {
  const TopK got = top_k(random(3, 5, 14), random(4, 5, 15), 200, Metric::cosine);
  EXPECT_EQ(got.indices.sizes(), (at::IntArrayRef{3, 4}));
}

TEST(TopK, TakesOtherTypesAndStrides) {
  const at::Tensor bank = whole_numbers(100, 6, 16), queries = whole_numbers(5, 6, 17);
  const TopK want = top_k(queries, bank, 9, Metric::l2);
  expect_same(top_k(queries.to(at::kDouble), bank.to(at::kHalf), 9, Metric::l2), want);
  expect_same(top_k(queries, bank.t().contiguous().t(), 9, Metric::l2), want);
  expect_same(top_k(queries.clone().requires_grad_(), bank, 9, Metric::l2), want);
}

std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST(TopK, NamesWhatIsWrong) {
  at::Tensor bad = random(10, 3, 18);
  bad[7][1] = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor good = random(4, 3, 19);
  EXPECT_NE(error_of([&] { top_k(good, bad, 1, Metric::dot); }).find("row 7"), std::string::npos);
  EXPECT_NE(error_of([&] { top_k(bad, good, 1, Metric::dot); }).find("queries"), std::string::npos);
  EXPECT_NE(error_of([&] { top_k(good, good.narrow(0, 0, 0), 1, Metric::dot); }).find("0 rows"),
            std::string::npos);
  EXPECT_NE(error_of([&] { top_k(good, random(4, 5, 1), 1, Metric::dot); }).find("width"),
            std::string::npos);
  EXPECT_NE(error_of([&] { top_k(good, good, 0, Metric::dot); }).find("1 or more"),
            std::string::npos);
  EXPECT_NE(error_of([&] { top_k(good[0], good, 1, Metric::dot); }).find("1 dimensions"),
            std::string::npos);
}

TEST(TopKOfRows, NanRanksLast) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  const TopK got = top_k_of_rows(at::tensor({nan, -inf, 1.0f, nan, inf, 1.0f}).view({1, 6}), 9);
  EXPECT_TRUE(at::equal(got.indices, at::tensor({4, 2, 5, 1, 0, 3}, at::kLong).view({1, 6})));
  EXPECT_TRUE(std::isnan(got.scores[0][5].item<float>()));
}

}  // namespace
}  // namespace vistas::search
