// Mining of pairs within one set of embeddings: paraphrases and near-duplicates.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "vistas/search/bitext.h"

namespace vistas::search {

struct ParaphraseOptions {
  int64_t k = 20;          // neighbours of a row that are looked at
  double threshold = -1;   // least cosine
  int64_t most = 1 << 20;  // pairs kept: the best
};

// Pairs of rows a < b of x [N, D], each once, by cosine (which is also the score), equal ones by
// rows: every row with its k nearest others, those of a cosine of at least the threshold. Memory
// stays at N k pairs beside the input.
std::vector<MinedPair> mine_paraphrases(const at::Tensor& x, const ParaphraseOptions& options = {});

}  // namespace vistas::search
