// A search over settings, for the commands that search.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vistas/app/command.h"
#include "vistas/tune/study.h"

namespace vistas::app {

struct TuneArguments {
  std::string input{}, out{}, time{}, trial_time{}, objective{}, eval_data{}, eval_task{}, python{};
  std::vector<std::string> sets{};
  tune::SpaceWishes wishes{};
  tune::StudyOptions study{};
  int64_t trial_steps = 0;
  bool dry_run = false;
};

// What a study is of, and what there is to search.
struct TuneStudy {
  tune::Subject subject{};
  tune::Space space{};
};

// A Python that has Optuna: the one that is named, or the first that has it of those of the
// environment. A resource error if there is none.
std::string find_python(const std::string& named);

// Opens the data, and settles in the arguments what was left to them.
TuneStudy prepare_study(TuneArguments& a);

// Finds the Python and makes the folder of the study, or goes on with the one there.
void open_study(TuneArguments& a, const TuneStudy& study);

// Searches, prints the trials and the best of them.
tune::StudyResult run_study(const Context& context, const TuneArguments& a, const TuneStudy& study);

}  // namespace vistas::app
