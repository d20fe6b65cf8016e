// Which pairs belong together, told by one score a pair: paraphrase or not, duplicate or not.
#pragma once

#include <cstdint>
#include <span>

namespace vistas::measure {

// A pair is said to belong together if its score is at least a threshold.
struct PairClassification {
  double accuracy = 0, accuracy_threshold = 0;  // the best accuracy over all thresholds
  double f1 = 0, f1_threshold = 0;              // the best F1 over all thresholds
  double precision = 0, recall = 0;             // at f1_threshold
  double average_precision = 0;
};

// scores [N], `same` [N] 1 for pairs that belong together and 0 for others. Thresholds lie half way
// between neighbouring different scores; pairs of equal score are never told apart. Of equally good
// thresholds the highest.
//
//   average precision = sum over thresholds, from the highest, of (R_n - R_{n-1}) P_n
//
// with precision P_n and recall R_n at the n-th different score. Data errors: other numbers than 0
// and 1, only one kind of pair, or not one label a score; a score that is not finite is a numeric
// error.
PairClassification classify_pairs(std::span<const double> scores, std::span<const int64_t> same);

}  // namespace vistas::measure
