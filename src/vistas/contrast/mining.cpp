#include "vistas/contrast/mining.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "vistas/base/error.h"
#include "vistas/base/random.h"
#include "vistas/contrast/similarity.h"
#include "vistas/search/top_k.h"

namespace vistas::contrast {
namespace {

void check(const at::Tensor& anchors, const at::Tensor& bank, const at::Tensor& positives,
           const MiningOptions& o) {
  if (anchors.dim() != 2 || bank.dim() != 2 || anchors.size(1) != bank.size(1) ||
      positives.dim() != 2 || positives.size(0) != anchors.size(0) ||
      positives.scalar_type() != at::kLong) {
    throw Error(ErrorKind::usage,
                {.what = "mine_hard_negatives",
                 .got = fmt::format("anchors [{}], bank [{}], positives [{}]",
                                    fmt::join(anchors.sizes(), ", "), fmt::join(bank.sizes(), ", "),
                                    fmt::join(positives.sizes(), ", ")),
                 .expected = "[Q, D], [N, D] and int64 [Q, P]"});
  }
  if (positives.numel() > 0 &&
      (positives.max().item<int64_t>() >= bank.size(0) || positives.min().item<int64_t>() < -1)) {
    throw Error(ErrorKind::usage,
                {.what = "mine_hard_negatives: positives",
                 .got = fmt::format("rows from {} to {}", positives.min().item<int64_t>(),
                                    positives.max().item<int64_t>()),
                 .expected = fmt::format("-1 to {}", bank.size(0) - 1)});
  }
  if (o.count < 1 || o.rank_from < 0 || o.rank_to < o.rank_from + o.count) {
    throw Error(ErrorKind::usage,
                {.what = "mine_hard_negatives: ranks",
                 .got = fmt::format("{} of the ranks {} to {}", o.count, o.rank_from, o.rank_to),
                 .expected = "room for count negatives between rank_from and rank_to"});
  }
}

// The highest score [Q] that a negative of each anchor may have.
std::vector<double> highest_scores(const at::Tensor& anchors, const at::Tensor& bank,
                                   const at::Tensor& positives, const MiningOptions& o) {
  const int64_t q = anchors.size(0), p = positives.size(1);
  std::vector<double> limits(static_cast<size_t>(q), o.max_score);
  if (o.absolute_margin == 0 && o.relative_margin == 0) return limits;
  const at::Tensor x = unit_rows(anchors.to(at::kDouble)).unsqueeze(1);
  const at::Tensor rows = bank.index_select(0, positives.clamp_min(0).flatten()).to(at::kDouble);
  const at::Tensor scores = (x * unit_rows(rows).view({q, p, -1})).sum(2);
  const double none = std::numeric_limits<double>::infinity();
  const at::Tensor padded = at::cat(
      {scores.masked_fill(positives < 0, none), at::full({q, 1}, none, scores.options())}, 1);
  const at::Tensor least = padded.amin({1}).cpu();
  for (int64_t i = 0; i < q; ++i) {
    const double s = least.const_data_ptr<double>()[i];
    if (s == none) {
      throw Error(ErrorKind::usage,
                  {.what = fmt::format("mine_hard_negatives: anchor {} has no positive", i),
                   .fix = "Margins are relative to a positive: set both to 0, or leave it out"});
    }
    double& limit = limits[static_cast<size_t>(i)];
    if (o.absolute_margin != 0) limit = std::min(limit, s - o.absolute_margin);
    if (o.relative_margin != 0) limit = std::min(limit, s - o.relative_margin * std::abs(s));
  }
  return limits;
}

// The best `count` of the candidates, or as many drawn, in the order they came.
std::vector<int64_t> choose(std::vector<int64_t> candidates, const MiningOptions& o,
                            const DrawKey& key) {
  const auto count = static_cast<int64_t>(candidates.size());
  if (count <= o.count) return candidates;
  const auto kept = static_cast<std::ptrdiff_t>(o.count);
  if (!o.random) return {candidates.begin(), candidates.begin() + kept};
  const std::vector<int64_t> order = Draws(key).permutation(count);
  std::vector<int64_t> drawn;
  for (auto i = order.begin(); i != order.begin() + kept; ++i) {
    drawn.push_back(candidates[static_cast<size_t>(*i)]);
  }
  std::sort(drawn.begin(), drawn.end());
  return drawn;
}

}  // namespace

void MiningOptions::fields(Fields& f) {
  f.add("count", count, "negatives an anchor", {1, 1e6});
  f.add("rank_from", rank_from, "nearest candidates that are skipped", {0, 1e9});
  f.add("rank_to", rank_to, "candidates from this rank on are not looked at", {1, 1e9});
  f.add("absolute_margin", absolute_margin, "least distance below the positive's score", {0, 2});
  f.add("relative_margin", relative_margin, "the same, as a share of the positive's score", {0, 1});
  f.add("min_score", min_score, "least similarity of a negative");
  f.add("max_score", max_score, "most similarity of a negative");
  f.add("random", random, "draw among the candidates instead of taking the nearest");
}

MinedNegatives mine_hard_negatives(const at::Tensor& anchors, const at::Tensor& bank,
                                   const at::Tensor& positives, const MiningOptions& options,
                                   uint64_t seed) {
  const at::NoGradGuard no_grad;
  check(anchors, bank, positives, options);
  const int64_t q = anchors.size(0), p = positives.size(1);
  const auto found = search::top_k(anchors, bank, std::min(options.rank_to + p, bank.size(0)),
                                   search::Metric::cosine);
  const std::vector<double> limits = highest_scores(anchors, bank, positives, options);
  const at::Tensor own = positives.cpu().contiguous();

  MinedNegatives out{at::full({q, options.count}, -1, at::kLong), at::zeros({q, options.count})};
  const auto indices = found.indices.accessor<int64_t, 2>();
  const auto scores = found.scores.accessor<float, 2>();
  auto out_rows = out.rows.accessor<int64_t, 2>();
  auto out_scores = out.scores.accessor<float, 2>();
  for (int64_t a = 0; a < q; ++a) {
    const int64_t* begin = own.const_data_ptr<int64_t>() + a * p;
    std::vector<int64_t> candidates;  // columns of `found`
    int64_t rank = 0;
    for (int64_t j = 0; j < indices.size(1) && rank < options.rank_to; ++j) {
      if (std::find(begin, begin + p, indices[a][j]) != begin + p) continue;
      const auto score = static_cast<double>(scores[a][j]);
      if (rank++ >= options.rank_from && score >= options.min_score &&
          score <= limits[static_cast<size_t>(a)]) {
        candidates.push_back(j);
      }
    }
    const DrawKey key{.seed = seed, .sample = static_cast<uint64_t>(a)};
    int64_t place = 0;
    for (const int64_t column : choose(std::move(candidates), options, key)) {
      out_rows[a][place] = indices[a][column];
      out_scores[a][place++] = scores[a][column];
    }
  }
  return out;
}

}  // namespace vistas::contrast
