// The demo on interactions.
#pragma once

#include <filesystem>

#include "vistas/app/command.h"
#include "vistas/recipe/config.h"
#include "vistas/recommend/sources/tastes.h"

namespace vistas::app {

// Users whose tastes are known, always the same; what they acted on goes to a file.
recommend::TasteWorld demo_tastes();
void write_interactions(const recommend::TasteWorld& world, const std::filesystem::path& file);

// Trains on that file into `out` and ranks beside baselines and beside the true chances.
int demo_recommend(const Context& context, const recommend::TasteWorld& world,
                   recipe::Config& config, const std::filesystem::path& out);

}  // namespace vistas::app
