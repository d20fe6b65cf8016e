// Hard negatives for training: items that look like a positive and are none.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <limits>

#include "vistas/base/options.h"

namespace vistas::contrast {

struct MiningOptions {
  int64_t count = 1;
  int64_t rank_from = 0;
  int64_t rank_to = 50;
  double absolute_margin = 0;
  double relative_margin = 0;
  double min_score = -std::numeric_limits<double>::infinity();
  double max_score = std::numeric_limits<double>::infinity();
  bool random = false;

  void fields(Fields& f);
};

struct MinedNegatives {
  at::Tensor rows;    // int64 [Q, count], rows of the bank; -1 where there are too few
  at::Tensor scores;  // float32 [Q, count], cosine; 0 where there is none
};

// For every anchor the most similar rows of the bank that are none of its positives, by cosine.
//
// Rows other than the positives are ranked from 0; those of rank_from <= rank < rank_to remain. Of
// these stay the ones with min_score <= s <= max_score and, where p is the score of the least
// similar positive of the anchor,
//   s <= p - absolute_margin   and   s <= p - relative_margin |p|
// with margins of 0 switched off; |p| keeps the relative margin a margin for negative p too. The
// `count` best are taken, or with `random` as many drawn from `seed`, best first.
//
// anchors [Q, D], bank [N, D], positives int64 [Q, P]: rows of the bank, filled up with -1 (put an
// anchor's own row among them if it is in the bank). The search is exact.
// Throws a usage error for shapes that do not match, rows outside the bank, or a margin for an
// anchor without positives.
MinedNegatives mine_hard_negatives(const at::Tensor& anchors, const at::Tensor& bank,
                                   const at::Tensor& positives, const MiningOptions& options = {},
                                   uint64_t seed = 0);

}  // namespace vistas::contrast
