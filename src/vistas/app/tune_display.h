// What `vistas tune` prints.
#pragma once

#include <string>

#include "vistas/app/command.h"
#include "vistas/app/shared.h"
#include "vistas/tune/study.h"

namespace vistas::app {

// A status line, and a line for every trial that ends.
class TuneDisplay : public tune::StudyObserver {
 public:
  TuneDisplay(const Context& context, tune::Objective objective)
      : status_(context), objective_(objective) {}
  void on_trial(const tune::TrialRow& row, bool best) override;
  void on_standing(const tune::Standing& standing) override;
  void on_confirming(int64_t done, int64_t all) override;
  void on_confirmed(int64_t trial, int64_t seed, double value) override;
  void on_message(const std::string& message) override;
  void clear() { status_.clear(); }

 private:
  StatusLine status_;
  tune::Objective objective_;
};

// "online score (%)"
std::string unit_of(tune::Objective objective);

// A lone setting with choices, each of which is tried once.
bool is_sweep(const tune::Space& space);

void print_space(const Context& context, const tune::Space& space);

// All trials, best first, those with fresh seeds before the others; those of a sweep in their
// order.
void print_trials(const Context& context, const tune::Space& space, const tune::StudyOptions& o,
                  const tune::StudyResult& result);

// The best trial, what mattered, and how to train it again.
void print_best(const Context& context, const tune::Space& space, const tune::StudyOptions& o,
                const tune::StudyResult& result);

nlohmann::json result_json(const tune::Space& space, const tune::StudyOptions& o,
                           const tune::StudyResult& result);

}  // namespace vistas::app
