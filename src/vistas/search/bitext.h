// Mining of pairs between two sets of embeddings: translations in two files of sentences.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace vistas::search {

// How the cosine of a pair is held against those of its neighbourhoods, whose mean is
// m = (mean cosine of x and its k nearest + mean cosine of y and its k nearest) / 2:
// ratio: cos / m, 0 where m is not positive; distance: cos - m; absolute: cos itself.
enum class Margin { ratio, distance, absolute };

// Which pairs are looked at: the best partner of every x (forward), of every y (backward), pairs
// that are both (intersection), or all of both in the order of their scores, each row once (max).
enum class Candidates { forward, backward, intersection, max };

std::vector<std::pair<std::string, Margin>> margins();
std::vector<std::pair<std::string, Candidates>> candidate_rules();

struct BitextOptions {
  int64_t k = 4;
  Margin margin = Margin::ratio;
  Candidates candidates = Candidates::max;
};

struct MinedPair {
  int64_t a = 0, b = 0;  // rows
  double score = 0;      // by the margin
  double cosine = 0;
};

// Pairs of rows of x [N, D] and y [M, D], best score first, equal ones by rows. The partner of a
// row is the one of best score among its k nearest by cosine. Memory stays at (N + M) k numbers
// beside the input.
// Artetxe and Schwenk, "Margin-based parallel corpus mining with multilingual sentence embeddings",
// ACL 2019, section 3.
std::vector<MinedPair> mine_bitext(const at::Tensor& x, const at::Tensor& y,
                                   const BitextOptions& options = {});

}  // namespace vistas::search
