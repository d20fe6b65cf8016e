#include "vistas/search/paraphrases.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "vistas/search/top_k.h"

namespace vistas::search {

std::vector<MinedPair> mine_paraphrases(const at::Tensor& x, const ParaphraseOptions& options) {
  // One more, because a row is its own nearest. Where so many others are identical to it that it is
  // not among them, the last is too many.
  const TopK near = top_k(x, x, options.k + 1, Metric::cosine);
  const auto* index = near.indices.const_data_ptr<int64_t>();
  const auto* cosine = near.scores.const_data_ptr<float>();
  const int64_t width = near.indices.size(1);
  std::vector<MinedPair> pairs;
  for (int64_t row = 0; row < near.indices.size(0); ++row) {
    int64_t others = 0;
    for (int64_t j = row * width; j < (row + 1) * width && others < options.k; ++j) {
      if (index[j] == row) continue;
      ++others;
      const double score = cosine[j];
      if (score < options.threshold) break;
      pairs.push_back({std::min(row, index[j]), std::max(row, index[j]), score, score});
    }
  }
  const auto rows = [](const MinedPair& p) { return std::pair(p.a, p.b); };
  std::ranges::sort(pairs, {}, rows);
  const auto repeated = std::ranges::unique(pairs, {}, rows);
  pairs.erase(repeated.begin(), repeated.end());
  std::ranges::stable_sort(pairs, std::ranges::greater{}, &MinedPair::score);
  if (static_cast<int64_t>(pairs.size()) > options.most) {
    pairs.resize(static_cast<size_t>(options.most));
  }
  return pairs;
}

}  // namespace vistas::search
