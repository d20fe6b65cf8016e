// What training will cost, measured on a few steps before it begins, and keeping to what it may.
#pragma once

#include <cstdint>
#include <string>

#include "vistas/app/command.h"
#include "vistas/learn/trainer.h"
#include "vistas/recipe/config.h"
#include "vistas/recipe/costs.h"

namespace vistas::app {

// What a training may cost; 0: not limited.
struct Limits {
  double seconds = 0;
  int64_t memory = 0;  // bytes
};

// --max-time, --fit-memory and --dry-run of a command that trains.
struct LimitArguments {
  std::string max_time, memory;
  bool dry_run = false;

  void add_options(CLI::App& app);
  bool any() const { return dry_run || !max_time.empty() || !memory.empty(); }
  Limits limits() const;
};

// "90s", "6m", "1.5h" or plain seconds; anything else is a usage error that names the option.
double parse_duration(const std::string& option, const std::string& text);

// "8192 pictures, 128 in memory at once"
std::string batch_text(const learn::TrainOptions& train, const std::string& unit);

// Prints parameters, memory, time, disk and negatives an anchor with the settings that keep to the
// limits, and trains nothing.
int dry_run(const Context& context, recipe::Config& config, const Limits& limits);

// Fixes the micro-batch, recomputation and the number of steps so that the run keeps to the limits:
// once, from the first measured steps. Says what it chose for memory.
void keep_to(const Limits& limits, const Context& context, recipe::Config& config,
             recipe::Training& training);

}  // namespace vistas::app
