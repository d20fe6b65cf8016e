#include "vistas/recommend/baselines/baselines.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/errors.h"
#include "vistas/base/random.h"

namespace vistas::recommend {
namespace {

using test::expect_error;

// Users 0 .. 3 and items 0 .. 4; item 4 occurs with no other.
const OwnIdLists kSmall{{0, 2, 5, 7, 8}, {0, 1, 0, 1, 2, 1, 3, 4}};

at::Tensor longs(const std::vector<int64_t>& values, int64_t width) {
  return at::tensor(values, at::kLong).view({-1, width});
}

// The matrix of zeros and ones.
at::Tensor dense(const IdLists& lists, int64_t items) {
  const at::Tensor x = at::zeros({lists.size(), items}, at::kDouble);
  for (int64_t u = 0; u < lists.size(); ++u) {
    for (const int32_t i : lists[u]) x[u][i] = 1;
  }
  return x;
}

at::Tensor dense(const measure::SparseRows& rows) {
  const at::Tensor out = at::zeros({rows.rows(), rows.columns}, at::kDouble);
  for (int64_t i = 0; i < rows.rows(); ++i) {
    for (auto n = static_cast<size_t>(rows.offsets[static_cast<size_t>(i)]);
         n < static_cast<size_t>(rows.offsets[static_cast<size_t>(i) + 1]); ++n) {
      out[i][rows.indices[n]] = double{rows.values[n]};
    }
  }
  return out;
}

OwnIdLists random_interactions(int64_t users, int64_t items) {
  OwnIdLists out;
  for (int64_t u = 0; u < users; ++u) {
    Draws draws({.seed = 3, .sample = static_cast<uint64_t>(u)});
    for (int32_t i = 0; i < items; ++i) {
      if (draws.chance(3.0 / (3 + i))) out.ids.push_back(i);
    }
    out.starts.push_back(static_cast<int64_t>(out.ids.size()));
  }
  return out;
}

TEST(Popularity, MostFrequentFirstWithoutTheUsersOwn) {
  const search::TopK got = popularity_lists(kSmall.view(), 5, 3, {.without = {kSmall.view()}});
  // Items occur 2, 3, 1, 1 and 1 times.
  EXPECT_TRUE(at::equal(got.indices, longs({2, 3, 4, 3, 4, -1, 0, 2, 4, 1, 0, 2}, 3)));
  EXPECT_EQ(got.scores[3][0].item<float>(), 3);
}

TEST(ItemKnn, SimilaritiesByTheirFormulas) {
  const OwnIdLists lists = random_interactions(50, 40);
  const at::Tensor x = dense(lists.view(), 40);  // [users, items]
  const at::Tensor of_items = x.sum(0), of_users = x.sum(1);
  const at::Tensor idf = (40 / (1 + of_users)).log().unsqueeze(1);
  const auto check = [&](ItemWeights kind, const at::Tensor& w) {
    const at::Tensor got =
        dense(item_neighbours(lists.view(), 40, {.weights = kind, .neighbours = 40}));
    EXPECT_LE((got - w.t().mm(w)).abs().max().item<double>(), 1e-5);
  };
  const auto unit = [](const at::Tensor& w) { return w / w.norm(2, 0, true); };
  check(ItemWeights::cosine, unit(x));
  check(ItemWeights::tf_idf, unit(x * idf));
  const at::Tensor length = 1 - 0.75 + 0.75 * of_items / of_items.mean();
  check(ItemWeights::bm25, x * idf * 2.2 / (1.2 * length + 1));
}

TEST(ItemKnn, KeepsTheNearestNeighbours) {
  const measure::SparseRows got =
      item_neighbours(kSmall.view(), 5, {.weights = ItemWeights::cosine, .neighbours = 2});
  // Item 2 is as near to 0 (1 / sqrt(2)) as it can be besides itself; items 4 and 3 have one user.
  EXPECT_EQ(got.offsets, (std::vector<int64_t>{0, 2, 4, 6, 8, 9}));
  EXPECT_EQ(got.indices, (std::vector<int32_t>{0, 1, 0, 1, 0, 2, 1, 3, 4}));
  EXPECT_FLOAT_EQ(got.values[1], 2 / std::sqrt(6.0f));
}

TEST(ItemKnn, OfEquallyNearItemsTheLaterIsANeighbour) {
  // One user has all four items: all are equally near, an item to itself too.
  const OwnIdLists one{.starts = {0, 4}, .ids = {0, 1, 2, 3}};
  const measure::SparseRows got =
      item_neighbours(one.view(), 4, {.weights = ItemWeights::cosine, .neighbours = 2});
  EXPECT_EQ(got.indices, (std::vector<int32_t>{2, 3, 2, 3, 2, 3, 2, 3}));
}

TEST(ItemKnn, ListsAreSumsOverTheUsersItems) {
  const OwnIdLists lists = random_interactions(30, 40);
  const ItemKnnOptions options{.weights = ItemWeights::bm25, .neighbours = 6};
  const at::Tensor scores =
      dense(lists.view(), 40).mm(dense(item_neighbours(lists.view(), 40, options)));
  const search::RowFilter filter{.without = {lists.view()}};
  const search::TopK got = item_knn_lists(lists.view(), 40, 10, filter, options);
  for (int64_t u = 0; u < 30; ++u) {
    for (int64_t place = 0; place < 10; ++place) {
      const int64_t item = got.indices[u][place].item<int64_t>();
      if (item < 0) continue;
      EXPECT_NEAR(got.scores[u][place].item<float>(), scores[u][item].item<double>(), 1e-4);
    }
    const int64_t open =
        (scores[u].masked_fill(dense(lists.view(), 40)[u] > 0, 0) > 0).sum().item<int64_t>();
    EXPECT_EQ((got.indices[u] >= 0).sum().item<int64_t>(), std::min<int64_t>(open, 10));
  }
  // Item 4 of user 3 has no neighbour but itself.
  EXPECT_TRUE(at::equal(
      item_knn_lists(kSmall.view(), 5, 2, {.without = {kSmall.view()}}).indices.select(0, 3),
      longs({-1, -1}, 2)[0]));
}

// B is the minimum where the gradient X^T (X B - X) + l2 B is zero off the diagonal.
TEST(Ease, ScoresAreThoseOfTheMinimum) {
  const OwnIdLists lists = random_interactions(60, 25);
  const at::Tensor x = dense(lists.view(), 25), gram = x.t().mm(x);
  const double l2 = 2;
  const at::Tensor p = at::inverse(gram + l2 * at::eye(25, at::kDouble));
  const at::Tensor b = (-p / p.diagonal().unsqueeze(0)).fill_diagonal_(0);
  const at::Tensor gradient = (gram.mm(b) - gram + l2 * b).fill_diagonal_(0);
  ASSERT_LE(gradient.abs().max().item<double>(), 1e-10);
  const at::Tensor scores = x.mm(b);
  const search::TopK got = ease_lists(lists.view(), 25, 25, {}, l2);
  EXPECT_TRUE(at::allclose(got.scores.to(at::kDouble), scores.gather(1, got.indices), 1e-4, 1e-4));
  const search::TopK open = ease_lists(lists.view(), 25, 3, {.without = {lists.view()}}, l2);
  EXPECT_EQ(x.gather(1, open.indices).sum().item<double>(), 0);
}

// More items than a block of the inversion has.
TEST(Ease, OfManyItems) {
  const OwnIdLists lists = random_interactions(400, 1300);
  const at::Tensor x = dense(lists.view(), 1300);
  const double l2 = 5;
  const at::Tensor p = at::inverse(x.t().mm(x) + l2 * at::eye(1300, at::kDouble));
  const at::Tensor scores = x.mm((-p / p.diagonal().unsqueeze(0)).fill_diagonal_(0));
  std::vector<int64_t> heard;
  const search::TopK got =
      ease_lists(lists.view(), 1300, 20, {}, l2,
                 [&](int64_t done, int64_t all) { heard.push_back(10 * all + done); });
  EXPECT_EQ(heard, (std::vector<int64_t>{31, 32, 33}));
  EXPECT_TRUE(at::allclose(got.scores.to(at::kDouble), scores.gather(1, got.indices), 1e-4, 1e-4));
  EXPECT_TRUE(
      at::allclose(got.scores.to(at::kDouble), std::get<0>(scores.topk(20, 1)), 1e-4, 1e-4));
}

TEST(Baselines, ItemsThatAreNotThere) {
  const std::string what = "training items: got 0 to 4, expected 0 .. 3";
  expect_error([] { popularity_lists(kSmall.view(), 4, 3, {}); }, what);
  expect_error([] { item_knn_lists(kSmall.view(), 4, 3, {}); }, what);
  expect_error([] { ease_lists(kSmall.view(), 4, 3, {}, 1); }, what);
}

TEST(Ease, RefusesWhatDoesNotFit) {
  expect_error([] { ease_lists(kSmall.view(), 10'000'000, 3, {}, 1); },
               "EASE of 10000000 items needs 400000.0 GB", ErrorKind::resource);
  expect_error([] { ease_lists(kSmall.view(), 5, 3, {}, 0); }, "above 0", ErrorKind::usage);
}

}  // namespace
}  // namespace vistas::recommend
