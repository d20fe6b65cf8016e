#include "vistas/search/bitext.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "vistas/search/top_k.h"

namespace vistas::search {
namespace {

double margin_score(Margin margin, double cosine, double around) {
  switch (margin) {
    case Margin::ratio:
      return around > 0 ? cosine / around : 0;
    case Margin::distance:
      return cosine - around;
    case Margin::absolute:
      break;
  }
  return cosine;
}

bool better(const MinedPair& p, const MinedPair& q) {
  if (p.score != q.score) return p.score > q.score;
  return std::pair(p.a, p.b) < std::pair(q.a, q.b);
}

// The best partner of every row of one side; `swapped` writes pairs as (partner, row).
std::vector<MinedPair> best_partners(const TopK& near, const std::vector<double>& own,
                                     const std::vector<double>& others, Margin margin,
                                     bool swapped) {
  const auto* index = near.indices.const_data_ptr<int64_t>();
  const auto* cosine = near.scores.const_data_ptr<float>();
  const int64_t k = near.indices.size(1);
  std::vector<MinedPair> pairs;
  for (int64_t row = 0; row < near.indices.size(0); ++row) {
    MinedPair best;
    for (int64_t j = 0; j < k; ++j) {
      const int64_t partner = index[row * k + j];
      const double around =
          (own[static_cast<size_t>(row)] + others[static_cast<size_t>(partner)]) / 2;
      const double c = cosine[row * k + j];
      MinedPair pair{row, partner, margin_score(margin, c, around), c};
      if (swapped) std::swap(pair.a, pair.b);
      if (j == 0 || better(pair, best)) best = pair;
    }
    pairs.push_back(best);
  }
  return pairs;
}

std::vector<double> neighbourhoods(const TopK& near) {
  const at::Tensor mean = near.scores.mean(1, false, at::kDouble).contiguous();
  const auto* data = mean.const_data_ptr<double>();
  return {data, data + mean.numel()};
}

std::vector<MinedPair> in_both(const std::vector<MinedPair>& forward,
                               const std::vector<MinedPair>& backward) {
  std::vector<MinedPair> out;
  for (const MinedPair& pair : forward) {
    if (backward[static_cast<size_t>(pair.b)].a == pair.a) out.push_back(pair);
  }
  return out;
}

// Each row once, by score.
std::vector<MinedPair> greedy(std::vector<MinedPair> pairs, int64_t rows_a, int64_t rows_b) {
  std::ranges::sort(pairs, better);
  std::vector<bool> used_a(static_cast<size_t>(rows_a)), used_b(static_cast<size_t>(rows_b));
  std::vector<MinedPair> out;
  for (const MinedPair& pair : pairs) {
    const auto a = static_cast<size_t>(pair.a), b = static_cast<size_t>(pair.b);
    if (used_a[a] || used_b[b]) continue;
    used_a[a] = used_b[b] = true;
    out.push_back(pair);
  }
  return out;
}

}  // namespace

std::vector<std::pair<std::string, Margin>> margins() {
  return {{"ratio", Margin::ratio}, {"distance", Margin::distance}, {"absolute", Margin::absolute}};
}

std::vector<std::pair<std::string, Candidates>> candidate_rules() {
  return {{"max", Candidates::max},
          {"intersection", Candidates::intersection},
          {"forward", Candidates::forward},
          {"backward", Candidates::backward}};
}

std::vector<MinedPair> mine_bitext(const at::Tensor& x, const at::Tensor& y,
                                   const BitextOptions& options) {
  const TopK from_x = top_k(x, y, options.k, Metric::cosine);
  const TopK from_y = top_k(y, x, options.k, Metric::cosine);
  const std::vector<double> around_x = neighbourhoods(from_x), around_y = neighbourhoods(from_y);
  std::vector<MinedPair> forward = best_partners(from_x, around_x, around_y, options.margin, false);
  std::vector<MinedPair> backward = best_partners(from_y, around_y, around_x, options.margin, true);
  std::vector<MinedPair> out;
  switch (options.candidates) {
    case Candidates::forward:
      out = std::move(forward);
      break;
    case Candidates::backward:
      out = std::move(backward);
      break;
    case Candidates::intersection:
      out = in_both(forward, backward);
      break;
    case Candidates::max:
      forward.insert(forward.end(), backward.begin(), backward.end());
      return greedy(std::move(forward), x.size(0), y.size(0));
  }
  std::ranges::sort(out, better);
  return out;
}

}  // namespace vistas::search
