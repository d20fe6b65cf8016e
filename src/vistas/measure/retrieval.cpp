#include "vistas/measure/retrieval.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "vistas/base/error.h"
#include "vistas/search/top_k.h"

namespace vistas::measure {
namespace {

// Discount of a rank from 1.
double gain(int64_t rank) {
  return 1 / std::log2(static_cast<double>(rank) + 1);
}

void check_relevant(int64_t queries, std::span<const std::vector<int64_t>> relevant) {
  if (static_cast<int64_t>(relevant.size()) != queries) {
    throw Error(ErrorKind::data, {.what = "lists of relevant rows",
                                  .got = fmt::to_string(relevant.size()),
                                  .expected = fmt::format("{}, one a query", queries)});
  }
  if (std::ranges::all_of(relevant, [](const auto& rows) { return rows.empty(); })) {
    throw Error(ErrorKind::data, {.what = "retrieval", .got = "no query with a relevant row"});
  }
}

}  // namespace

RankingScores ranking_scores(std::span<const int64_t> ranked, std::span<const int64_t> relevant,
                             int64_t k) {
  RankingScores out;
  const auto wanted = static_cast<int64_t>(relevant.size());
  const int64_t listed = std::min(k, static_cast<int64_t>(ranked.size()));
  double hits = 0;
  for (int64_t i = 0; i < listed; ++i) {
    if (!std::ranges::binary_search(relevant, ranked[static_cast<size_t>(i)])) continue;
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

RetrievalScores retrieval_scores(const at::Tensor& lists,
                                 std::span<const std::vector<int64_t>> relevant,
                                 std::span<const int64_t> ks) {
  check_relevant(lists.size(0), relevant);
  const at::Tensor ranked = lists.contiguous();
  const auto* rows = ranked.const_data_ptr<int64_t>();
  const auto width = static_cast<size_t>(ranked.size(1));
  RetrievalScores out;
  for (const int64_t k : ks) {
    std::vector<RankingScores> scores;
    for (size_t q = 0; q < relevant.size(); ++q) {
      if (relevant[q].empty()) continue;
      scores.push_back(ranking_scores({rows + q * width, width}, relevant[q], k));
    }
    out.queries = static_cast<int64_t>(scores.size());
    out.at.push_back(mean_of(scores));
  }
  return out;
}

RetrievalScores retrieval_scores(const at::Tensor& queries, const at::Tensor& bank,
                                 std::span<const std::vector<int64_t>> relevant,
                                 std::span<const int64_t> ks) {
  check_relevant(queries.size(0), relevant);
  return retrieval_scores(
      search::top_k(queries, bank, std::ranges::max(ks), search::Metric::cosine).indices, relevant,
      ks);
}

}  // namespace vistas::measure
