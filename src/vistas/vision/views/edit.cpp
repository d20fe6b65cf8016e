#include "vistas/vision/views/edit.h"

#include <algorithm>

#include "vistas/base/error.h"
#include "vistas/vision/views/operation.h"

namespace vistas::vision {
namespace {

bool is_without_chance(const ViewOp& op) {
  return op.p == 0 || op.name == "resize" || op.name == "center_crop" || op.name == "letterbox";
}

}  // namespace

bool is_framing(const ViewOp& op) {
  return dynamic_cast<const Framing*>(make_operation(op).get()) != nullptr;
}

std::vector<std::string> operations_of(const ViewRecipe& recipe) {
  std::vector<std::string> names;
  for (const ViewSpec& view : recipe.views) {
    for (const ViewOp& op : view.ops) {
      if (is_without_chance(op) || std::ranges::find(names, op.name) != names.end()) continue;
      names.push_back(op.name);
    }
  }
  return names;
}

ViewRecipe without_operation(const ViewRecipe& recipe, const std::string& name) {
  const std::vector<std::string> names = operations_of(recipe);
  if (std::ranges::find(names, name) == names.end()) {
    const std::string hint = did_you_mean(name, names);
    throw Error(ErrorKind::usage, {.what = "no operation '" + name + "' in the recipe",
                                   .fix = hint.empty() ? "It has none to leave out" : hint});
  }
  ViewRecipe edited = recipe;
  for (ViewSpec& view : edited.views) {
    for (ViewOp& op : view.ops) {
      if (op.name == name && is_framing(op)) op = {"resize"};
    }
    std::erase_if(view.ops, [&](const ViewOp& op) { return op.name == name; });
  }
  return edited;
}

ViewRecipe with_operation(const ViewRecipe& recipe, const ViewOp& op) {
  ViewRecipe edited = recipe;
  for (ViewSpec& view : edited.views) {
    if (is_framing(op)) {
      view.ops.front() = op;
    } else {
      view.ops.push_back(op);
    }
  }
  return edited;
}

}  // namespace vistas::vision
