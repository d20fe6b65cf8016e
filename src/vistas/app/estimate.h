// What training will cost, measured on a few steps before it begins.
#pragma once

#include <string>

#include "vistas/app/command.h"
#include "vistas/learn/trainer.h"
#include "vistas/recipe/config.h"

namespace vistas::app {

// "510", or "at most 510" where it depends on the classes in the batch.
std::string negatives_text(const learn::Trainer& trainer, const recipe::Training& training,
                           int64_t batch);

// "8192 pictures, 128 in memory at once"
std::string batch_text(const learn::TrainOptions& train, const std::string& unit);

// Prints parameters, memory, time, disk and negatives an anchor, and trains nothing.
int dry_run(const Context& context, recipe::Config& config);

// Fixes the number of steps so that the run ends in time: once, from the first timed steps.
void limit_time(recipe::Config& config, double seconds, recipe::Training& training);

}  // namespace vistas::app
