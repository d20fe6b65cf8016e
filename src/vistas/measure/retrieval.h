// Retrieval: are the relevant rows of a bank near the top of a query's list?
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "vistas/measure/ranking.h"

namespace vistas::measure {

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
