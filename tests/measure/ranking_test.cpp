#include "vistas/measure/ranking.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/errors.h"

namespace vistas::measure {
namespace {

using test::expect_error;
using Numbers = std::vector<int64_t>;

TEST(RankingScores, OneListByHand) {
  // Relevant at ranks 2 and 4 of five; three are relevant in all.
  const RankingScores got = ranking_scores(Numbers{7, 1, 5, 3, 8}, Numbers{1, 3, 9}, 5);
  const double log3 = std::log2(3.0), log5 = std::log2(5.0);
  EXPECT_DOUBLE_EQ(got.recall, 2.0 / 3);
  EXPECT_DOUBLE_EQ(got.precision, 2.0 / 5);
  EXPECT_DOUBLE_EQ(got.mrr, 0.5);
  EXPECT_DOUBLE_EQ(got.hit_rate, 1);
  EXPECT_DOUBLE_EQ(got.map, (1.0 / 2 + 2.0 / 4) / 3);
  EXPECT_DOUBLE_EQ(got.ndcg, (1 / log3 + 1 / log5) / (1 + 1 / log3 + 1 / 2.0));
  EXPECT_DOUBLE_EQ(ranking_scores(Numbers{7, 1}, Numbers{1}, 1).hit_rate, 0);
}

TEST(RankingScores, AShortListIsMeasuredAsIfNothingFollowed) {
  const std::vector<int32_t> relevant{2, 4};
  const RankingScores got = ranking_scores(Numbers{4, -1, -1}, relevant, 3);
  EXPECT_DOUBLE_EQ(got.precision, 1.0 / 3);
  EXPECT_DOUBLE_EQ(got.recall, 0.5);
  EXPECT_DOUBLE_EQ(got.mrr, 1);
}

// Four users and five items; user 2 has no test item, the list of user 3 is short.
struct Small {
  std::vector<int64_t> starts{0, 2, 3, 3, 4};
  std::vector<int32_t> items{0, 3, 1, 4};
  IdLists relevant{starts, items};
  at::Tensor lists = at::tensor({0, 1, 2, 0, 2, 3, 4, 4, 4, 4, -1, -1}, at::kLong).view({4, 3});
  Numbers popularity{10, 6, 3, 1, 0};

  std::vector<ListScores> scores(const RankingGroup& group, const Numbers& ks = {1, 3}) const {
    return list_scores(lists, relevant, popularity, ks, group);
  }
};

TEST(ListScores, ByHand) {
  const auto got = Small().scores({});
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0].users, 3);
  EXPECT_DOUBLE_EQ(got[0].mean.recall, (0.5 + 0 + 1) / 3);
  EXPECT_DOUBLE_EQ(got[0].mean.hit_rate, 2.0 / 3);
  // Listed first: items 0, 0 and 4.
  EXPECT_DOUBLE_EQ(got[0].coverage, 2.0 / 5);
  EXPECT_DOUBLE_EQ(got[0].popularity, 20.0 / 3);
  EXPECT_DOUBLE_EQ(got[0].gini, (2.0 * 1 + 4.0 * 2) / (5 * 3));
  // Listed among the first three: 0 twice, 1, 2 twice, 3, 4; none of user 2, who does not count.
  EXPECT_EQ(got[1].k, 3);
  EXPECT_DOUBLE_EQ(got[1].mean.recall, (0.5 + 0 + 1) / 3);
  EXPECT_DOUBLE_EQ(got[1].mean.precision, (1.0 / 3 + 0 + 1.0 / 3) / 3);
  EXPECT_DOUBLE_EQ(got[1].coverage, 1);
  EXPECT_DOUBLE_EQ(got[1].popularity, (20.0 + 6 + 6 + 1 + 0) / 7);
  EXPECT_DOUBLE_EQ(got[1].gini, (-4.0 - 2 + 0 + 2 * 2 + 4 * 2) / (5 * 7));
}

TEST(ListScores, GiniOfEvenAndOfOneSidedLists) {
  const std::vector<int64_t> starts{0, 1, 2};
  const std::vector<int32_t> items{0, 1};
  const Numbers popularity{1, 1};
  const auto gini = [&](const at::Tensor& lists) {
    return list_scores(lists.view({2, 1}), {starts, items}, popularity, Numbers{1})[0].gini;
  };
  EXPECT_DOUBLE_EQ(gini(at::tensor({0, 1}, at::kLong)), 0);
  EXPECT_DOUBLE_EQ(gini(at::tensor({1, 1}, at::kLong)), 0.5);
}

TEST(ListScores, GroupsOfUsersAndOfItems) {
  const Small small;
  const auto first_two = small.scores({.users = {true, true, false, false}});
  EXPECT_EQ(first_two[0].users, 2);
  EXPECT_DOUBLE_EQ(first_two[0].mean.recall, 0.25);
  // Of items 0 and 4 only: user 1 has no relevant one left, user 0 one that stands first.
  const auto ends = small.scores({.items = {true, false, false, false, true}});
  EXPECT_EQ(ends[0].users, 2);
  EXPECT_DOUBLE_EQ(ends[0].mean.recall, 1);
  EXPECT_DOUBLE_EQ(ends[1].coverage, 4.0 / 5);  // items of the whole lists
  const auto nobody = small.scores({.users = {false, false, true, false}});
  EXPECT_EQ(nobody[0].users, 0);
  EXPECT_EQ(nobody[0].mean.recall, 0);
  EXPECT_EQ(nobody[0].gini, 0);
}

// Popularity 10, 6, 3, 1, 0: the head is item 0, cold is item 4. Users want 0 and 3, 1, and 4;
// their lists are 0 1 2, 0 2 3 and 4.
TEST(ListScores, GroupsOfItemsByPopularity) {
  const Small small;
  const auto of = [&](const std::string& name) {
    return small.scores(item_group(name, small.popularity), {3})[0];
  };
  const ListScores head = of("head"), tail = of("tail"), warm = of("warm"), cold = of("cold");
  EXPECT_EQ(head.users, 1);  // user 0 wants item 0, which is first
  EXPECT_DOUBLE_EQ(head.mean.recall, 1);
  EXPECT_DOUBLE_EQ(head.mean.ndcg, 1);
  EXPECT_EQ(tail.users, 3);  // 3 and 1 are not listed, 4 is
  EXPECT_DOUBLE_EQ(tail.mean.recall, 1.0 / 3);
  EXPECT_DOUBLE_EQ(tail.mean.ndcg, 1.0 / 3);
  EXPECT_EQ(warm.users, 2);  // of 0 and 3 the first, none of 1
  EXPECT_DOUBLE_EQ(warm.mean.recall, 0.5 / 2);
  EXPECT_DOUBLE_EQ(warm.mean.ndcg, 1 / (1 + 1 / std::log2(3.0)) / 2);
  EXPECT_EQ(cold.users, 1);
  EXPECT_DOUBLE_EQ(cold.mean.recall, 1);
  expect_error([&] { of("hot"); }, "head, tail, warm, cold", ErrorKind::usage);
}

TEST(ListScores, WhatDoesNotFit) {
  Small small;
  expect_error([&] { small.scores({.users = {true}}); }, "users in a group");
  expect_error([&] { small.scores({.items = {true}}); }, "items in a group");
  small.popularity.resize(4);
  expect_error([&] { small.scores({}); }, "relevant items: got 0 to 4, expected 0 .. 3");
  small.items.back() = 3;
  expect_error([&] { small.scores({}); }, "lists of items: got item 4");
  small.starts.pop_back();
  small.relevant.starts = small.starts;
  expect_error([&] { small.scores({}); }, "lists of relevant items: got 3");
}

TEST(Groups, LargestCounts) {
  const std::vector<int64_t> starts{0, 2, 5};
  const std::vector<int32_t> ids{1, 3, 0, 1, 3};
  EXPECT_EQ(occurrences({starts, ids}, 5), (Numbers{1, 2, 0, 2, 0}));
  EXPECT_EQ(largest(Numbers{1, 2, 0, 2, 0}, 0.2), (std::vector<bool>{0, 1, 0, 0, 0}));
  EXPECT_EQ(largest(Numbers{1, 2, 0, 2, 0}, 0.5), (std::vector<bool>{1, 1, 0, 1, 0}));
  EXPECT_EQ(largest(Numbers{1, 2, 0, 2, 0}, 1), std::vector<bool>(5, true));
  EXPECT_EQ(largest(Numbers{}, 0.5), std::vector<bool>{});
}

}  // namespace
}  // namespace vistas::measure
