// What can be left out of the views of a configuration, and what can be added.
#pragma once

#include <string>
#include <vector>

#include "vistas/base/value.h"
#include "vistas/recipe/config.h"

namespace vistas::tune {

enum class Change { none, without, with, instead };

struct ViewVariant {
  std::string operation;  // what is left out, added or taken instead; "" for the views as they are
  Change change = Change::none;
  Value settings{.data = ValueTable{}};  // that make it, to be merged into the configuration's

  std::string name() const;  // "all", "without hflip", "with affine", "crop instead"
};

// The views as they are, then without each operation, then with others.
//   Pictures: the operations of the view recipe (vision::operations_of), `added` of all there are,
//     with p = 1/2; where it is empty: random_resized_crop, hflip, affine, color_jitter and cutout.
//   Texts: a recipe is one operation. Without it views differ by dropout alone (not for static
//     encoders); `added` of all recipes, where it is empty all, each instead of it.
//   Sequences that a method alters: crop, mask and reorder; `added` of those that are not used,
//     where it is empty all.
// {"none"}: nothing is added. What is used already is never added. A usage error for unknown names
// with the nearest ones, where the method compares no such views, and where there is nothing to
// leave out and nothing to add.
std::vector<ViewVariant> view_variants(const recipe::Config& config,
                                       const std::vector<std::string>& added);

}  // namespace vistas::tune
