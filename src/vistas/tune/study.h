// A search over settings in a folder: Optuna chooses, `vistas train` trains.
//
//   study.json   what the study is of        study.db    Optuna's trials
//   recipe.toml  the recipe                  best.toml   the recipe of the best trial
//   trials/0007/ a run of `vistas train`     trials/0007.log what it printed
//   confirm/0007-seed-2/  the same with a fresh seed; confirm.jsonl has the scores
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "vistas/measure/summary.h"
#include "vistas/recipe/config.h"
#include "vistas/tune/fixed_views.h"
#include "vistas/tune/objective.h"
#include "vistas/tune/sampler.h"
#include "vistas/tune/space.h"

namespace vistas::tune {

// How long a trial trains: the same for all.
struct Budget {
  double seconds = 0;  // if 0:
  int64_t steps = 0;   // of the recipe's batch; with another batch as many samples
};

struct StudyOptions {
  std::filesystem::path folder{};
  std::string program{};                   // this program, which trains and measures
  std::vector<std::string> environment{};  // of the trainings, "NAME=VALUE"
  SamplerOptions sampler{};                // trials in all; its folder is this one
  double seconds = 0;                      // for the whole study; 0: as long as it takes
  int workers = 1;                         // trials at a time
  int64_t confirm = 3;                     // of the best trials with fresh seeds; 0: none
  int64_t seeds = 3;                       // the fresh ones
  Budget budget{};
  Objective objective = Objective::online;
  // A second trial where it is not empty: the recipe with these values.
  std::vector<std::pair<std::string, Value>> second{};
  std::vector<std::string> eval{};  // words behind `vistas eval RUN` for Objective::eval
};

// What is searched: the recipe and its data.
struct Subject {
  std::string recipe{};  // TOML
  std::string data_fingerprint{};
  int64_t samples = 0;
  int64_t batch = 0;
  int64_t seed = 0;
  bool scores = false;                              // training can measure an online score
  std::vector<std::string> fixed{};                 // settings that are the user's
  std::shared_ptr<const FixedViews> fixed_views{};  // for Objective::fixed_views
};

struct Standing {
  int64_t done = 0, trials = 0;
  int running = 0;
  int64_t best = -1;  // a trial
  double best_value = 0;
  double seconds = 0, seconds_left = -1;  // negative: unknown
};

class StudyObserver {
 public:
  virtual ~StudyObserver() = default;
  virtual void on_trial(const TrialRow&, bool /*best*/) {}
  virtual void on_standing(const Standing&) {}  // a few times a second
  virtual void on_confirming(int64_t /*done*/, int64_t /*all*/) {}
  virtual void on_confirmed(int64_t /*trial*/, int64_t /*seed*/, double /*value*/) {}
  virtual void on_message(const std::string&) {}
};

// A trial trained again with fresh seeds.
struct Confirmed {
  int64_t trial = 0;
  std::vector<int64_t> seeds{};
  std::vector<double> values{};  // by seed; NaN where training diverged
  measure::Summary summary() const { return measure::summarise(values); }
};

struct StudyResult {
  std::vector<TrialRow> trials{};
  std::vector<Confirmed> confirmed{};
  // The trial with the best mean over fresh seeds; where none is confirmed that is complete with
  // the largest value; -1 if there is none.
  int64_t best = -1;
  std::vector<std::pair<std::string, double>> importance{};
  bool stopped = false;  // by the stop flag: the same call goes on
};

std::filesystem::path trial_folder(const std::filesystem::path& study, int64_t trial);
std::filesystem::path confirm_folder(const std::filesystem::path& study, int64_t trial,
                                     int64_t seed);

// Those behind the seed of the recipe.
std::vector<int64_t> fresh_seeds(const StudyOptions& options, const Subject& subject);

// How many trainings with fresh seeds may follow a search.
int64_t trainings_to_confirm(const StudyOptions& options);

// The best of the trials that are complete; -1 if there is none.
int64_t best_of(const std::vector<TrialRow>& trials);

// The trial that is the recipe as it is; -1 if there is none.
int64_t trial_of_recipe(const std::vector<TrialRow>& trials, const Space& space);

// The trials to train again with fresh seeds: the `confirm` best of those that are complete, and
// beside them the recipe as it is; none where that leaves nothing to compare.
std::vector<int64_t> trials_to_confirm(const std::vector<TrialRow>& trials, const Space& space,
                                       int64_t confirm);

// Makes the folder of a study, or checks that it holds one of the same subject, space and
// objective, which is a usage error otherwise that says what differs. The budget of a study that
// goes on is the one that it began with; it is stored in `options`. `given`: the user has named it,
// and another one is a usage error too.
void open_study(StudyOptions& options, const Subject& subject, const Space& space, bool given);

// Searches until there are options.sampler.trials or the time is over but for what is needed to
// train trials_to_confirm() again, and does that; from where an earlier call was stopped or killed:
// trials that it had begun go on from their checkpoints. A training that
// dies is continued once; a trial that fails is noted with its reason. Errors: three failures in a
// row or of the first trial, a full disk, another process at work on the same study.
StudyResult search(const StudyOptions& options, const Subject& subject, const Space& space,
                   StudyObserver& observer, const std::atomic<bool>& stop);

}  // namespace vistas::tune
