// Training a configuration into a run folder, as `vistas train` does it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "vistas/app/command.h"
#include "vistas/app/estimate.h"
#include "vistas/learn/trainer.h"
#include "vistas/recipe/config.h"

namespace vistas::app {

struct TrainOutcome : learn::TrainResult {
  int64_t first_step = 0;           // steps that were done before
  std::string unit{};               // of samples
  int64_t samples = 0;              // of the data: those of an epoch
  std::vector<std::string> uses{};  // Training::uses()
  recipe::LeftOut left_out{};
};

// The configuration of `vistas train INPUT`: that of a recipe (.toml), or for data the settings
// that suit it; what `over` holds has the last word.
std::unique_ptr<recipe::Config> config_for(const std::string& input, const Value& over);

// Makes the run folder, or goes on with the one there where a launcher has started the processes
// anew (a usage error if it is of another training); keeps to the limits, trains with a progress
// line and prints what could not be read.
TrainOutcome train_into(const Context& context, recipe::Config& config,
                        const std::filesystem::path& out, const Limits& limits);

// Prints what came of a run and what to do with it, and writes the JSON; the exit code.
int report_training(const Context& context, const std::filesystem::path& run,
                    const TrainOutcome& outcome);

}  // namespace vistas::app
