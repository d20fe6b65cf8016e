// A search over settings in a folder: Optuna chooses, `vistas train` trains.
//
//   study.json   what the study is of        study.db    Optuna's trials
//   recipe.toml  the recipe                  best.toml   the recipe of the best trial
//   trials/0007/ a run of `vistas train`     trials/0007.log what it printed
#pragma once

#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

#include "vistas/recipe/config.h"
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
  Budget budget{};
  Objective objective = Objective::online;
  std::vector<std::string> eval{};  // words behind `vistas eval RUN` for Objective::eval
};

// What is searched: the recipe and its data.
struct Subject {
  std::string recipe{};  // TOML
  std::string data_fingerprint{};
  int64_t samples = 0;
  int64_t batch = 0;
  bool scores = false;               // training can measure an online score
  std::vector<std::string> fixed{};  // settings that are the user's
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
  virtual void on_message(const std::string&) {}
};

struct StudyResult {
  std::vector<TrialRow> trials{};
  int64_t best = -1;  // the trial that is complete with the largest value; -1 if there is none
  std::vector<std::pair<std::string, double>> importance{};
  bool stopped = false;  // by the stop flag: the same call goes on
};

std::filesystem::path trial_folder(const std::filesystem::path& study, int64_t trial);

// The best of the trials that are complete; -1 if there is none.
int64_t best_of(const std::vector<TrialRow>& trials);

// Makes the folder of a study, or checks that it holds one of the same subject, space and
// objective, which is a usage error otherwise that says what differs. The budget of a study that
// goes on is the one that it began with; it is stored in `options`. `given`: the user has named it,
// and another one is a usage error too.
void open_study(StudyOptions& options, const Subject& subject, const Space& space, bool given);

// Searches until there are options.sampler.trials or the time is over, from where an earlier call
// was stopped or killed: trials that it had begun go on from their checkpoints. A training that
// dies is continued once; a trial that fails is noted with its reason. Errors: three failures in a
// row or of the first trial, a full disk, another process at work on the same study.
StudyResult search(const StudyOptions& options, const Subject& subject, const Space& space,
                   StudyObserver& observer, const std::atomic<bool>& stop);

}  // namespace vistas::tune
