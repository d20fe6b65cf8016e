#include "vistas/measure/ranking.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "vistas/base/error.h"

namespace vistas::measure {
namespace {

// Discount of a rank from 1.
double gain(int64_t rank) {
  return 1 / std::log2(static_cast<double>(rank) + 1);
}

template <class Id>
RankingScores scores_of(std::span<const int64_t> ranked, std::span<const Id> relevant, int64_t k) {
  RankingScores out;
  const auto wanted = static_cast<int64_t>(relevant.size());
  const int64_t listed = std::min(k, static_cast<int64_t>(ranked.size()));
  double hits = 0;
  for (int64_t i = 0; i < listed; ++i) {
    const int64_t id = ranked[static_cast<size_t>(i)];
    const auto place = std::ranges::lower_bound(relevant, id);
    if (place == relevant.end() || *place != id) continue;
    ++hits;
    const auto rank = static_cast<double>(i + 1);
    if (out.mrr == 0) out.mrr = 1 / rank;
    out.map += hits / rank;
    out.ndcg += gain(i + 1);
  }
  const int64_t most = std::min(k, wanted);
  double ideal = 0;
  for (int64_t rank = 1; rank <= most; ++rank) ideal += gain(rank);
  out.recall = hits / static_cast<double>(wanted);
  out.precision = hits / static_cast<double>(k);
  out.hit_rate = hits > 0 ? 1 : 0;
  out.ndcg /= ideal;
  out.map /= static_cast<double>(most);
  return out;
}

void check_count(const char* what, size_t got, int64_t expected) {
  if (static_cast<int64_t>(got) == expected) return;
  throw Error(ErrorKind::data,
              {.what = what, .got = fmt::to_string(got), .expected = fmt::to_string(expected)});
}

double gini_of(std::vector<int64_t> counts, int64_t total) {
  std::ranges::sort(counts);
  const auto n = static_cast<double>(counts.size());
  double sum = 0;
  for (size_t j = 0; j < counts.size(); ++j) {
    sum += (2 * static_cast<double>(j + 1) - n - 1) * static_cast<double>(counts[j]);
  }
  return sum / (n * static_cast<double>(total));
}

// What of coverage, popularity and gini the counts of listed items give.
void add_counts(const std::vector<int64_t>& counts, std::span<const int64_t> popularity,
                ListScores& out) {
  int64_t listed = 0, distinct = 0;
  double sum = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    listed += counts[i];
    distinct += counts[i] > 0;
    sum += static_cast<double>(counts[i]) * static_cast<double>(popularity[i]);
  }
  if (listed == 0) return;
  out.coverage = static_cast<double>(distinct) / static_cast<double>(counts.size());
  out.popularity = sum / static_cast<double>(listed);
  out.gini = gini_of(counts, listed);
}

// The relevant items of each user that counts, none for the others.
struct Wanted {
  std::vector<int64_t> starts{0};
  std::vector<int32_t> items{};

  Wanted(const IdLists& relevant, const RankingGroup& group) {
    for (int64_t u = 0; u < relevant.size(); ++u) {
      if (group.users.empty() || group.users[static_cast<size_t>(u)]) {
        std::ranges::copy_if(relevant[u], std::back_inserter(items), [&](int32_t item) {
          return group.items.empty() || group.items[static_cast<size_t>(item)];
        });
      }
      starts.push_back(static_cast<int64_t>(items.size()));
    }
  }
};

}  // namespace

RankingScores ranking_scores(std::span<const int64_t> ranked, std::span<const int64_t> relevant,
                             int64_t k) {
  return scores_of(ranked, relevant, k);
}

RankingScores ranking_scores(std::span<const int64_t> ranked, std::span<const int32_t> relevant,
                             int64_t k) {
  return scores_of(ranked, relevant, k);
}

RankingScores mean_of(std::span<const RankingScores> scores) {
  RankingScores sum;
  if (scores.empty()) return sum;
  for (const RankingScores& s : scores) {
    sum.recall += s.recall;
    sum.precision += s.precision;
    sum.ndcg += s.ndcg;
    sum.map += s.map;
    sum.mrr += s.mrr;
    sum.hit_rate += s.hit_rate;
  }
  const auto n = static_cast<double>(scores.size());
  return {sum.recall / n, sum.precision / n, sum.ndcg / n,
          sum.map / n,    sum.mrr / n,       sum.hit_rate / n};
}

std::vector<ListScores> list_scores(const at::Tensor& lists, const IdLists& relevant,
                                    std::span<const int64_t> popularity,
                                    std::span<const int64_t> ks, const RankingGroup& group) {
  const auto items = static_cast<int64_t>(popularity.size());
  check_count("lists of relevant items", static_cast<size_t>(relevant.size()), lists.size(0));
  if (!group.users.empty()) check_count("users in a group", group.users.size(), lists.size(0));
  if (!group.items.empty()) check_count("items in a group", group.items.size(), items);
  check_ids(relevant, items, "relevant items");
  if (lists.numel() > 0 && lists.max().item<int64_t>() >= items) {
    throw Error(ErrorKind::data, {.what = "lists of items",
                                  .got = fmt::format("item {}", lists.max().item<int64_t>()),
                                  .expected = fmt::format("items below {}", items)});
  }
  const Wanted chosen(relevant, group);
  const IdLists wanted{chosen.starts, chosen.items};
  const at::Tensor ranked = lists.contiguous();
  const auto width = static_cast<size_t>(ranked.size(1));
  std::vector<ListScores> out;
  for (const int64_t k : ks) {
    ListScores at_k{.k = k};
    std::vector<RankingScores> scores;
    std::vector<int64_t> counts(popularity.size());
    for (int64_t u = 0; u < wanted.size(); ++u) {
      if (wanted[u].empty()) continue;
      const std::span<const int64_t> list{
          ranked.const_data_ptr<int64_t>() + static_cast<size_t>(u) * width, width};
      scores.push_back(ranking_scores(list, wanted[u], k));
      for (const int64_t item : list.first(std::min(static_cast<size_t>(k), width))) {
        if (item >= 0) ++counts[static_cast<size_t>(item)];
      }
    }
    at_k.users = static_cast<int64_t>(scores.size());
    at_k.mean = mean_of(scores);
    add_counts(counts, popularity, at_k);
    out.push_back(at_k);
  }
  return out;
}

std::vector<int64_t> occurrences(const IdLists& lists, int64_t size) {
  std::vector<int64_t> counts(static_cast<size_t>(size));
  for (const int32_t id : lists.ids) ++counts[static_cast<size_t>(id)];
  return counts;
}

std::vector<bool> largest(std::span<const int64_t> counts, double share) {
  std::vector<size_t> order(counts.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) { return counts[a] > counts[b]; });
  // 0.2 * 5 is a little more than 1 in binary.
  const double wanted = share * static_cast<double>(counts.size());
  order.resize(std::min(counts.size(), static_cast<size_t>(std::ceil(wanted - 1e-9))));
  std::vector<bool> out(counts.size());
  for (const size_t i : order) out[i] = true;
  return out;
}

RankingGroup item_group(const std::string& name, std::span<const int64_t> popularity) {
  RankingGroup out;
  if (name == "head" || name == "tail") {
    out.items = largest(popularity, 0.2);
  } else if (name == "warm" || name == "cold") {
    for (const int64_t count : popularity) out.items.push_back(count > 0);
  } else {
    throw Error(
        ErrorKind::usage,
        {.what = "group of items", .got = name, .expected = "one of head, tail, warm, cold"});
  }
  if (name == "tail" || name == "cold") out.items.flip();
  return out;
}

}  // namespace vistas::measure
