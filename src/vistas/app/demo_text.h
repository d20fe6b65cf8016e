// The demo on texts.
#pragma once

#include <filesystem>

#include "vistas/app/command.h"
#include "vistas/recipe/config.h"

namespace vistas::app {

// Trains the recipe into `out` and looks for translations among sentences that it has not seen.
int demo_text(const Context& context, recipe::Config& config, const std::filesystem::path& out);

}  // namespace vistas::app
