// What the views of a recipe do to pictures: `vistas views --explain`.
#pragma once

#include <string>

#include "vistas/app/command.h"
#include "vistas/vision/encoders/encoders.h"
#include "vistas/vision/tasks/explain_views.h"
#include "vistas/vision/views/recipe.h"

namespace vistas::app {

// A named recipe of views, or a TOML file: [[view]] tables, or a recipe of training.
struct RecipeViews {
  vision::ViewRecipe views;
  vision::EncoderOptions encoder;  // that the recipe trains; of a named one a small ResNet-18
};
RecipeViews recipe_views(const std::string& recipe, const vision::RecipeOptions& options);

struct ExplainArguments {
  std::string recipe, data, run, out;
  vision::RecipeOptions views;  // of a named recipe
  vision::ExplainOptions options;
};

// A table and warnings for people, pictures in `out` and the same page beside it as HTML.
int explain_views(const Context& context, const ExplainArguments& arguments);

}  // namespace vistas::app
