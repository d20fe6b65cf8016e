// Lists of ranked items: how near the top the relevant ones are, and what is listed at all.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "vistas/base/id_lists.h"

namespace vistas::measure {

struct RankingScores {
  double recall = 0, precision = 0, ndcg = 0, map = 0, mrr = 0, hit_rate = 0;
};

// One list, best first, of which the first k count; `relevant` ascending, at least one. With hits
// the relevant ones among the first k and r the ranks from 1:
//
//   recall = hits / |relevant|, precision = hits / k, hit_rate = 1 if there is a hit
//   ndcg = sum over hits of 1 / log2(r + 1), divided by the largest such sum of min(k, |relevant|)
//   map  = sum over hits of (hits up to r) / r, divided by min(k, |relevant|)
//   mrr  = 1 / r of the first hit, 0 without one
RankingScores ranking_scores(std::span<const int64_t> ranked, std::span<const int64_t> relevant,
                             int64_t k);
RankingScores ranking_scores(std::span<const int64_t> ranked, std::span<const int32_t> relevant,
                             int64_t k);

// The mean of each over lists; zeros without any.
RankingScores mean_of(std::span<const RankingScores> scores);

// Who and what is measured; empty: everybody, everything. Lists stay those of all items.
struct RankingGroup {
  std::vector<bool> users{};  // whose lists count
  std::vector<bool> items{};  // which relevant items count
};

// The first k of the lists of the users that count and have a relevant item that counts, with n the
// number of items, c_i how often item i is listed and C their sum:
//
//   mean       of ranking_scores over these users
//   coverage   = items with c_i > 0, divided by n
//   popularity = sum over items of c_i popularity_i / C
//   gini       = sum over j of (2j - n - 1) c_(j) / (n C), c_(1) <= .. <= c_(n): 0 if every item is
//                listed as often as any other, 1 - 1/n if it is always the same one
struct ListScores {
  int64_t k = 0, users = 0;
  RankingScores mean{};
  double coverage = 0, popularity = 0, gini = 0;
};

// Measures lists [U, at most the largest k] of items, -1 behind the end of a shorter one, at every
// k. relevant[u]: the items of the test of user u; popularity: of each item, how often it occurs in
// training. A group without users has zeros. Data errors: numbers of users or items that differ.
std::vector<ListScores> list_scores(const at::Tensor& lists, const IdLists& relevant,
                                    std::span<const int64_t> popularity,
                                    std::span<const int64_t> ks, const RankingGroup& group = {});

// How often each id below `size` is in the lists: the popularity of items.
std::vector<int64_t> occurrences(const IdLists& lists, int64_t size);

// Marks the ceil(share n) largest of n counts; of equal ones the first.
std::vector<bool> largest(std::span<const int64_t> counts, double share);

// Items by how often they occur in training: "head" are the 20 % that occur most, see largest(),
// "tail" the others; "warm" those that occur at all, "cold" the others. A usage error for another
// name.
RankingGroup item_group(const std::string& name, std::span<const int64_t> popularity);

}  // namespace vistas::measure
