// View recipes as data: which operations, with which probabilities and ranges, make the views of a
// sample. A recipe is a list of [[view]] tables in TOML; the published ones have names.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vistas/base/options.h"
#include "vistas/base/value.h"

namespace vistas::vision {

// One operation: its name in the table of operation.h, the probability that it is applied, and the
// parameters that differ from its standard ones.
struct ViewOp {
  std::string name;
  double p = 1.0;
  ValueTable parameters{};
  std::string where{};  // place in the recipe file, for errors
};

// `count` views made the same way. The first operation is one that gives the view its size.
struct ViewSpec {
  int height = 224, width = 224;
  int count = 1;
  std::vector<double> mean{}, std{};  // empty: ImageNet's for 3 channels, else 0.5 and 0.25
  std::vector<ViewOp> ops{};
};

struct ViewRecipe {
  std::vector<ViewSpec> views{};
  int view_count() const;
};

// Equal if both print the same TOML.
bool operator==(const ViewRecipe& a, const ViewRecipe& b);

// What the named recipes leave to the user.
struct RecipeOptions {
  int64_t size = 224;
  double strength = 1.0;
  std::string blur = "auto";
  std::vector<double> crop_area{};
  int64_t local_size = 0;
  int64_t local_count = -1;
  double background = 1;
  std::vector<double> mean{}, std{};

  void fields(Fields& f);
};

// simclr, mocov1, mocov2, mocov3, byol, simsiam, swav, dino, barlow, vicreg, light, characters,
// eval, none. Throws a usage error with the nearest names for others.
ViewRecipe builtin_recipe(const std::string& name, const RecipeOptions& options);
std::vector<std::string> builtin_recipe_names();

// A list of view tables. Unknown operations and parameters are usage errors that give file, line
// and the nearest names.
ViewRecipe parse_recipe(const Value& views);

// [[view]] tables with every parameter written out; parse_recipe reads them back.
std::string to_toml(const ViewRecipe& recipe);

}  // namespace vistas::vision
