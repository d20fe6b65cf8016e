#include "vistas/vision/views/edit.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <utility>

#include "vistas/base/error.h"
#include "vistas/vision/views/operation.h"

namespace vistas::vision {
namespace {

bool is_without_chance(const ViewOp& op) {
  return op.p == 0 || op.name == "resize" || op.name == "center_crop" || op.name == "letterbox";
}

void add_settings(ViewOp& op, const std::string& name, std::vector<Field>& settings) {
  const std::shared_ptr<Operation> operation = make_operation(op);
  if (dynamic_cast<const Framing*>(operation.get()) == nullptr) {
    Fields own;
    own.add(name + ".p", op.p, "probability that it is applied", {0, 1});
    settings.push_back(own.all().front());
  }
  const Fields parameters = fields_of(*operation);
  for (Field field : parameters.all()) {
    const std::string parameter = std::exchange(field.name, name + "." + field.name);
    field.set = [&op, operation, parameter, set = field.set, get = field.get](const Value& value) {
      const Value before = get();
      try {
        set(value);
        operation->prepare(value.where);
      } catch (const Error&) {
        set(before);
        throw;
      }
      op.parameters[parameter] = get();
    };
    settings.push_back(std::move(field));
  }
}

void collect(const ValueTable& table, const std::string& prefix,
             std::vector<std::pair<std::string, Value>>& leaves) {
  for (const auto& [name, value] : table) {
    if (value.is_table()) {
      collect(value.table(), prefix + name + ".", leaves);
    } else {
      leaves.emplace_back(prefix + name, value);
    }
  }
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

std::vector<Field> operation_settings(ViewRecipe& recipe) {
  std::vector<Field> settings;
  for (size_t v = 0; v < recipe.views.size(); ++v) {
    const std::string table = recipe.views.size() > 1 ? fmt::format("{}.", v + 1) : "";
    std::map<std::string, int> seen;
    for (ViewOp& op : recipe.views[v].ops) {
      const int count = ++seen[op.name];
      const std::string name = count > 1 ? fmt::format("{}_{}", op.name, count) : op.name;
      add_settings(op, table + name, settings);
    }
  }
  return settings;
}

void change_operations(ViewRecipe& recipe, const ValueTable& changes) {
  const std::vector<Field> settings = operation_settings(recipe);
  std::vector<std::string> names, operations;
  for (const Field& field : settings) {
    names.push_back("views." + field.name);
    const std::string operation = field.name.substr(0, field.name.rfind('.'));
    if (operations.empty() || operations.back() != operation) operations.push_back(operation);
  }
  std::vector<std::pair<std::string, Value>> leaves;
  collect(changes, "", leaves);
  for (const auto& [name, value] : leaves) {
    const auto field = std::ranges::find(settings, name, &Field::name);
    if (field == settings.end()) {
      throw Error(ErrorKind::usage,
                  {.what = fmt::format("{}: the views have no 'views.{}'", value.where, name),
                   .expected = fmt::format("a parameter of {}", fmt::join(operations, ", ")),
                   .fix = did_you_mean("views." + name, names)});
    }
    field->set(value);
  }
}

}  // namespace vistas::vision
