#include "vistas/measure/retrieval.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>

#include "vistas/base/error.h"
#include "vistas/search/top_k.h"

namespace vistas::measure {
namespace {

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
