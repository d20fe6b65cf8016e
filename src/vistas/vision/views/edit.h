// Recipes with an operation more or less.
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

}  // namespace vistas::vision
