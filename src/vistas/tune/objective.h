// What a search makes large.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace vistas::tune {

// online: the online score of the run, which needs labels. eval: a task of `vistas eval` after the
// training; while it runs the online score, or else alignment_uniformity, decides what to give up.
// The others need no labels; fixed_views (see FixedViews) is measured after the training only.
enum class Objective { online, eval, alignment_uniformity, effective_rank, fixed_views };

// Whether scores of different views, batches and widths compare.
bool is_fair(Objective objective);

const std::vector<std::pair<std::string, Objective>>& objective_names();
std::string name_of(Objective objective);

// A score after rung / kRungs of a training.
struct Score {
  int64_t rung = 0;
  double value = 0;
};
inline constexpr int64_t kRungs = 5;

// The scores that metrics.jsonl, the lines that training has written, holds so far; of `total`
// steps, in the order of their rungs.
//
// fixed_views has none here. Otherwise without labels a score is the mean over the last reports up
// to its rung, five at most, of
//
//   alignment_uniformity   -(mean |z_a - z_b|^2 + log mean exp(-2 |z_i - z_j|^2))
//   effective_rank         exp of the entropy of the normalised singular values of the embeddings
//
// (Wang and Isola 2020, eq. 2 and 3 with alpha = t = 2; Roy and Vetterli 2007, as a measure without
// labels Garrido et al. 2023, RankMe). A score that is not finite is left out.
std::vector<Score> scores_in(const std::string& metrics, Objective objective, int64_t total);

// The mean of the first row of "rows" in the JSON of `vistas eval` that is of the trained encoder,
// or that of one-shot runs; a data error without one.
double score_of_eval(const std::string& json);

}  // namespace vistas::tune
