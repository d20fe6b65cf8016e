#include "vistas/measure/pair_classification.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "vistas/base/error.h"

namespace vistas::measure {
namespace {

// Pairs that belong together.
int64_t positives_of(std::span<const double> scores, std::span<const int64_t> same) {
  if (scores.size() != same.size()) {
    throw Error(ErrorKind::data, {.what = "labels of pairs",
                                  .got = fmt::to_string(same.size()),
                                  .expected = fmt::format("{}, one a score", scores.size())});
  }
  for (const double score : scores) {
    if (std::isfinite(score)) continue;
    throw Error(ErrorKind::numeric,
                {.what = "score of a pair", .got = fmt::to_string(score), .expected = "finite"});
  }
  for (const int64_t label : same) {
    if (label == 0 || label == 1) continue;
    throw Error(ErrorKind::data, {.what = "label of a pair",
                                  .got = fmt::to_string(label),
                                  .expected = "1 (they belong together) or 0 (they do not)"});
  }
  const int64_t positives = std::accumulate(same.begin(), same.end(), int64_t{0});
  if (positives == 0 || positives == static_cast<int64_t>(same.size())) {
    throw Error(ErrorKind::data,
                {.what = "labels of pairs",
                 .got = fmt::format("{} of {} are 1", positives, same.size()),
                 .expected = "some pairs that belong together and some that do not"});
  }
  return positives;
}

}  // namespace

PairClassification classify_pairs(std::span<const double> scores, std::span<const int64_t> same) {
  const auto positives = static_cast<double>(positives_of(scores, same));
  const auto all = static_cast<double>(scores.size());
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  PairClassification out;
  // To begin with no pair is said to belong together.
  out.accuracy = (all - positives) / all;
  out.accuracy_threshold =
      std::nextafter(scores[order[0]], std::numeric_limits<double>::infinity());
  double taken = 0, right = 0, last_recall = 0;
  for (size_t i = 0; i < order.size();) {
    const double score = scores[order[i]];
    for (; i < order.size() && scores[order[i]] == score; ++i, ++taken) {
      right += static_cast<double>(same[order[i]]);
    }
    const double threshold = i < order.size() ? (score + scores[order[i]]) / 2 : score;
    const double precision = right / taken, recall = right / positives;
    out.average_precision += (recall - last_recall) * precision;
    last_recall = recall;
    // Right are also the pairs below the threshold that do not belong together.
    const double accuracy = (right + (all - taken) - (positives - right)) / all;
    if (accuracy > out.accuracy) {
      out.accuracy = accuracy;
      out.accuracy_threshold = threshold;
    }
    const double f1 = 2 * right / (taken + positives);
    if (f1 > out.f1) {
      out.f1 = f1;
      out.f1_threshold = threshold;
      out.precision = precision;
      out.recall = recall;
    }
  }
  return out;
}

}  // namespace vistas::measure
