// Which operations of views matter: a short training without each, and with others.
#pragma once

#include <atomic>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vistas/base/value.h"
#include "vistas/measure/summary.h"
#include "vistas/recipe/eval_rows.h"
#include "vistas/recipe/short_trainings.h"
#include "vistas/tune/space.h"
#include "vistas/tune/view_variants.h"

namespace vistas::tune {

enum class RankBy { score, effective_rank, alignment_and_uniformity };

struct AblationOptions {
  Value settings{.data = ValueTable{}};  // of a training: a whole recipe
  std::vector<std::string> added;        // see view_variants()
  int64_t seeds = 3;
  std::string labelled;  // pictures to measure on; "": those that are learned from
  // Without a value: score where there are labels, else
  // alignment_and_uniformity.
  std::optional<RankBy> rank_by;
  std::filesystem::path kept;  // a file of finished trainings; those in it are not repeated
};

// The task of `vistas eval` that labelled pictures are for: "one-shot" where they have Omniglot's
// runs, else "knn".
std::string labelled_task(const std::string& data);

struct VariantResult {
  ViewVariant variant;
  std::vector<recipe::Numbers> seeds;  // by seed
};

struct Ablation {
  RankBy rank_by = RankBy::score;
  std::string score;  // what "score" is: "online kNN", "one-shot"; "" where there are no labels
  std::vector<VariantResult> results;
  std::string left_out{};  // samples that could not be used, for people; "" if there are none
};

// The measures of a training, all by its last step:
//   score           with labels: the online score, or that of `labelled`: one-shot recognition
//   where
//                   they have Omniglot's runs, else kNN (k 20). Larger is better.
//   effective_rank  exp of the entropy of the covariance's eigenvalues, of the features of up to
//                   512 samples: how many directions they use (Garrido et al., "RankMe", ICML
//                   2023).
//   alignment, uniformity   of the same features (Wang and Isola, ICML 2020): mean |f_a - f_b|^2 of
//                   two views of a sample; log mean exp(-2 |f_i - f_j|^2) of different ones.
// The last three need no labels. They look at the same views for every variant, those of the recipe
// as it is: by its own views no training without views that differ could be worse than perfect.
// They are left out for sequences, which always have a score. Stops after the training at hand once
// `stop` is set, with the seeds that all variants have.
Ablation ablate_views(const AblationOptions& options, const recipe::EvalProgress& progress,
                      const std::atomic<bool>& stop);

// alignment_and_uniformity: -(alignment + uniformity), so that larger is better too.
double value_of(const recipe::Numbers& numbers, RankBy by);

struct RankedVariant {
  const VariantResult* result = nullptr;
  measure::Summary value;
  measure::Summary difference;  // to the views as they are, seed by seed
  std::string verdict;          // "" for those
};

// The largest mean first. A difference counts where its 95 % confidence interval excludes 0:
// "matters" where it is less without an operation, "does harm" where it is more; "helps" and
// "hurts" for others; "unclear" else, and "one seed" where there is no spread.
std::vector<RankedVariant> rank(const Ablation& ablation);

// Of pictures the operations that help and the recipe has not, but another framing, which has no
// probability; the best first.
std::vector<std::string> what_helps(const Value& settings,
                                    const std::vector<RankedVariant>& ranked);

// `settings` of a recipe of pictures with these operations.
Value with_operations(const Value& settings, const std::vector<std::string>& operations);

// Sets the probability of `added` operations to 0 where the search begins, so that its first trial
// is the recipe without them. The second trial: the probabilities of what does harm at 0, those of
// `added` as they were.
std::vector<std::pair<std::string, Value>> second_trial(const std::vector<RankedVariant>& ranked,
                                                        const std::vector<std::string>& added,
                                                        Space& space);

}  // namespace vistas::tune
