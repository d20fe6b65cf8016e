// Search of the rows that a filter leaves.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>

#include "support/errors.h"
#include "vistas/base/random.h"
#include "vistas/search/top_k.h"

namespace vistas::search {
namespace {

using test::expect_error;

void add(OwnIdLists& lists, const std::set<int32_t>& list) {
  lists.ids.insert(lists.ids.end(), list.begin(), list.end());
  lists.starts.push_back(static_cast<int64_t>(lists.ids.size()));
}

// For each query up to `most` rows of n, different ones for another seed.
OwnIdLists random_lists(int64_t queries, int64_t n, int64_t most, uint64_t seed) {
  OwnIdLists out;
  for (int64_t q = 0; q < queries; ++q) {
    Draws draws({.seed = seed, .sample = static_cast<uint64_t>(q)});
    std::set<int32_t> list;
    for (int64_t i = draws.below(most + 1); i > 0; --i) {
      list.insert(static_cast<int32_t>(draws.below(n)));
    }
    add(out, list);
  }
  return out;
}

bool holds(std::span<const int32_t> list, int64_t id) {
  return std::ranges::find(list, id) != list.end();
}

// Every open row sorted by (score descending, index); scores of whole numbers are exact.
TopK naive(const at::Tensor& queries, const at::Tensor& bank, int64_t k, const RowFilter& filter) {
  TopK out{at::full({queries.size(0), k}, -1, at::kLong),
           at::full({queries.size(0), k}, -std::numeric_limits<float>::infinity())};
  const at::Tensor scores = queries.mm(bank.t());
  for (int64_t q = 0; q < queries.size(0); ++q) {
    std::vector<std::pair<float, int64_t>> open;
    for (int64_t row = 0; row < bank.size(0); ++row) {
      const bool out_of = std::ranges::any_of(
          filter.without, [&](const IdLists& lists) { return holds(lists[q], row); });
      if (out_of || (!filter.allowed.empty() && !filter.allowed[static_cast<size_t>(row)]))
        continue;
      open.emplace_back(-scores[q][row].item<float>(), row);
    }
    std::ranges::sort(open);
    for (int64_t i = 0; i < std::min(k, static_cast<int64_t>(open.size())); ++i) {
      out.indices[q][i] = open[static_cast<size_t>(i)].second;
      out.scores[q][i] = -open[static_cast<size_t>(i)].first;
    }
  }
  return out;
}

void expect_same(const TopK& got, const TopK& want) {
  EXPECT_TRUE(at::equal(got.indices, want.indices));
  EXPECT_TRUE(at::equal(got.scores, want.scores));
}

at::Tensor whole_numbers(int64_t rows, uint64_t seed) {
  return at::randint(-2, 3, {rows, 5}, at::make_generator<at::CPUGeneratorImpl>(seed))
      .to(at::kFloat);
}

TEST(FilteredTopK, EqualsTheNaiveLoopWithTies) {
  const int64_t queries = 45, n = 487;
  const at::Tensor q = whole_numbers(queries, 1), bank = whole_numbers(n, 2);
  const OwnIdLists train = random_lists(queries, n, 200, 3), valid = random_lists(queries, n, 5, 4);
  RowFilter filter{.without = {train.view(), valid.view()}};
  expect_same(top_k(q, bank, 20, Metric::dot, filter), naive(q, bank, 20, filter));
  expect_same(top_k(q, bank, 400, Metric::dot, filter), naive(q, bank, 400, filter));
  filter.allowed.assign(static_cast<size_t>(n), false);
  for (size_t row = 0; row < filter.allowed.size(); row += 3) filter.allowed[row] = true;
  expect_same(top_k(q, bank, 20, Metric::dot, filter), naive(q, bank, 20, filter));
}

TEST(FilteredTopK, OfScoresThatAreMadeRowByRow) {
  const at::Tensor q = whole_numbers(45, 1), bank = whole_numbers(487, 2);
  const at::Tensor table = q.mm(bank.t());
  const OwnIdLists train = random_lists(45, 487, 470, 3);
  const RowFilter filter{.without = {train.view()}};
  const auto scores = [&](int64_t row, std::span<float> out) {
    std::copy_n(table.const_data_ptr<float>() + row * 487, 487, out.begin());
  };
  for (const int64_t k : {1, 20, 487}) {
    expect_same(top_k_of(45, 487, k, filter, scores), naive(q, bank, k, filter));
  }
  const float none = -std::numeric_limits<float>::infinity(), nan = std::nanf("");
  const TopK got = top_k_of(1, 4, 3, {}, [&](int64_t, std::span<float> out) {
    std::ranges::copy(std::array{nan, none, 2.0f, 2.0f}, out.begin());
  });
  EXPECT_TRUE(at::equal(got.indices, at::tensor({2, 3, -1}, at::kLong).view({1, 3})));
}

TEST(FilteredTopK, FewerOpenRowsThanKLeaveTheEndEmpty) {
  const at::Tensor bank = at::eye(3), q = at::ones({2, 3});
  OwnIdLists lists;
  add(lists, {0, 2});
  add(lists, {0, 1, 2});
  const TopK got = top_k(q, bank, 2, Metric::dot, {.without = {lists.view()}});
  const float none = -std::numeric_limits<float>::infinity();
  EXPECT_TRUE(at::equal(got.indices, at::tensor({1, -1, -1, -1}, at::kLong).view({2, 2})));
  EXPECT_TRUE(at::equal(got.scores, at::tensor({1.0f, none, none, none}).view({2, 2})));
}

TEST(FilteredTopK, SameResultForAnyThreadsAndBlocks) {
  const int64_t queries = 70, n = 1000;
  const auto generator = at::make_generator<at::CPUGeneratorImpl>(uint64_t{5});
  const at::Tensor q = at::randn({queries, 16}, generator), bank = at::randn({n, 16}, generator);
  const OwnIdLists train = random_lists(queries, n, 300, 6);
  const RowFilter filter{.without = {train.view()}};
  const TopK want = top_k(q, bank, 20, Metric::cosine, filter);
  const int threads = at::get_num_threads();
  for (const int count : {1, 2, 3}) {
    at::set_num_threads(count);
    for (const Blocks& blocks : {Blocks{}, Blocks{1, 1}, Blocks{33, 100}}) {
      expect_same(top_k(q, bank, 20, Metric::cosine, filter, blocks), want);
    }
  }
  at::set_num_threads(threads);
}

TEST(FilteredTopK, FiltersThatDoNotFit) {
  const OwnIdLists lists = random_lists(3, 10, 5, 7);
  const at::Tensor q = whole_numbers(4, 8), bank = whole_numbers(10, 9);
  expect_error([&] { top_k(q, bank, 1, Metric::dot, {.without = {lists.view()}}); },
               "lists of rows to leave out: got 3, expected 4");
  expect_error([&] { top_k(q, bank, 1, Metric::dot, {.allowed = {true}}); },
               "marks of allowed rows: got 1, expected 10");
}

}  // namespace
}  // namespace vistas::search
