// Trials trained again with fresh seeds: the best of many scores of one seed flatters.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "vistas/recipe/short_trainings.h"
#include "vistas/tune/study.h"
#include "vistas/tune/trial.h"

namespace vistas::tune {

// Trains trials of a study again, each with every fresh seed and as many steps as it had; nothing
// is given up. What is finished is kept in confirm.jsonl, and what was begun goes on from its
// checkpoint. The arguments must outlive it.
class Confirming {
 public:
  Confirming(const StudyOptions& options, const Subject& subject, StudyObserver& observer,
             const std::atomic<bool>& stop);
  ~Confirming();
  Confirming(const Confirming&) = delete;
  Confirming& operator=(const Confirming&) = delete;

  // What earlier calls have spent on these trials.
  double seconds_before(const std::vector<TrialRow>& trials);
  // The trials of these numbers, and those of which an earlier call has finished all seeds. Without
  // what is not finished once `stop` is set. A training that dies is continued once; one that
  // diverges has no value. Errors: any other failure; the same call goes on.
  std::vector<Confirmed> run(const std::vector<TrialRow>& trials,
                             const std::vector<int64_t>& chosen);

 private:
  struct Training {
    int64_t seed = 0;
    std::unique_ptr<Trial> trial{};
  };

  std::optional<recipe::Numbers> kept(int64_t trial, int64_t seed);
  // The values of all seeds; empty if some are missing.
  std::vector<double> values(int64_t trial);
  void begin_next();
  bool advance(Training& training);
  void keep(Training& training, double value);

  const StudyOptions& o_;
  const Subject& subject_;
  StudyObserver& observer_;
  const std::atomic<bool>& stop_;
  recipe::KeptResults kept_;
  std::vector<std::pair<const TrialRow*, int64_t>> waiting_;  // with their seeds
  std::vector<Training> trainings_;                           // that run
};

}  // namespace vistas::tune
