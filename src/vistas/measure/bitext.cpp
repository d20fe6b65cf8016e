#include "vistas/measure/bitext.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "vistas/base/error.h"
#include "vistas/search/top_k.h"

namespace vistas::measure {
namespace {

double share_of_own(const at::Tensor& queries, const at::Tensor& bank) {
  const at::Tensor nearest =
      search::top_k(queries, bank, 1, search::Metric::cosine).indices.squeeze(1);
  return nearest.eq(at::arange(queries.size(0))).to(at::kDouble).mean().item<double>();
}

}  // namespace

BitextAccuracy bitext_accuracy(const at::Tensor& x, const at::Tensor& y) {
  if (x.size(0) != y.size(0)) {
    throw Error(ErrorKind::data, {.what = "two sides of a bitext",
                                  .got = fmt::format("{} and {} rows", x.size(0), y.size(0)),
                                  .expected = "as many, row i of one belonging to row i of the "
                                              "other"});
  }
  return {share_of_own(x, y), share_of_own(y, x)};
}

MiningScores mining_scores(std::span<const search::MinedPair> pairs, std::span<const int64_t> right,
                           int64_t gold) {
  MiningScores best;
  double found = 0;
  for (size_t i = 0; i < pairs.size();) {
    const double score = pairs[i].score;
    for (; i < pairs.size() && pairs[i].score == score; ++i) {
      found += static_cast<double>(right[i]);
    }
    const auto taken = static_cast<double>(i), all = static_cast<double>(gold);
    const double f1 = 2 * found / (taken + all);
    if (f1 <= best.f1) continue;
    best = {f1, found / taken, found / all,
            i < pairs.size() ? (score + pairs[i].score) / 2 : score};
  }
  return best;
}

}  // namespace vistas::measure
