// Recipes with an operation more, less or of other parameters.
#pragma once

#include <string>
#include <vector>

#include "vistas/vision/views/recipe.h"

namespace vistas::vision {

// Whether the operation gives a view its size.
bool is_framing(const ViewOp& op);

// Names of the operations that make views differ, in the order of their first appearance: all but
// resize, center_crop and letterbox, and those that are never applied.
std::vector<std::string> operations_of(const ViewRecipe& recipe);

// The recipe without the operation, wherever it stands; what gives a view its size becomes resize,
// the whole picture. A usage error for a name that operations_of() does not have.
ViewRecipe without_operation(const ViewRecipe& recipe, const std::string& name);

// The operation at the end of every view; what gives a view its size stands instead of what did.
ViewRecipe with_operation(const ViewRecipe& recipe, const ViewOp& op);

// The parameters of the operations, bound to the recipe: "color_jitter.p", "color_jitter.hue". The
// table of a view comes first where the recipe has several, "2.color_jitter.p"; an operation that
// stands twice in a view is "affine" and then "affine_2". What gives a view its size has no p.
std::vector<Field> operation_settings(ViewRecipe& recipe);

// Sets those of a table of tables, {color_jitter = {p = 0.5}}. A usage error with the nearest names
// for a name that operation_settings() does not have.
void change_operations(ViewRecipe& recipe, const ValueTable& changes);

}  // namespace vistas::vision
