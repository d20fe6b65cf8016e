// Are translations each other's nearest neighbours, and does mining find them?
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <utility>

#include "vistas/search/bitext.h"

namespace vistas::measure {

struct BitextAccuracy {
  double forward = 0, backward = 0;  // shares of rows
};

// The share of rows i of x whose nearest row of y by cosine is row i, and the other way round; of
// equally near rows the lower counts. x, y [N, D].
BitextAccuracy bitext_accuracy(const at::Tensor& x, const at::Tensor& y);

struct MiningScores {
  double f1 = 0, precision = 0, recall = 0;
  double threshold = 0;  // pairs of at least this score are taken
};

// The best F1 over all thresholds of mined pairs (best first, as mine_bitext gives them), `right`
// telling which belong together and `gold` how many such pairs there are. Of equally good
// thresholds the highest; thresholds lie half way between neighbouring different scores.
// Zweigenbaum, Sharoff and Rapp, "Overview of the second BUCC shared task", 2017.
MiningScores mining_scores(std::span<const search::MinedPair> pairs, std::span<const int64_t> right,
                           int64_t gold);

}  // namespace vistas::measure
