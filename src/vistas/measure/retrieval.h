// Retrieval: are the relevant rows of a bank near the top of a query's list?
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

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

// The mean of each over lists; zeros without any.
RankingScores mean_of(std::span<const RankingScores> scores);

struct RetrievalScores {
  std::vector<RankingScores> at;  // for each k in order, mean over the queries that count
  int64_t queries = 0;            // that have a relevant row; the others are left out
};

// Measures lists [Q, at most the largest k] at every k. relevant[q]: rows of the bank, ascending.
// Data errors: not one list of relevant rows a query, no query with a relevant row.
RetrievalScores retrieval_scores(const at::Tensor& lists,
                                 std::span<const std::vector<int64_t>> relevant,
                                 std::span<const int64_t> ks);

// The same for queries [Q, D] searched in bank [N, D] by cosine, exactly.
RetrievalScores retrieval_scores(const at::Tensor& queries, const at::Tensor& bank,
                                 std::span<const std::vector<int64_t>> relevant,
                                 std::span<const int64_t> ks);

}  // namespace vistas::measure
