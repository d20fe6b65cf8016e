#include "vistas/recipe/config.h"

#include <fmt/format.h>

#include "vistas/base/error.h"

namespace vistas::recipe {

void ViewOptions::fields(Fields& f) {
  f.add("recipe", recipe, "named set of views", vision::builtin_recipe_names());
  options.fields(f);
}

Config::Config(const Value& values) {
  if (const auto found = values.table().find("method"); found != values.table().end()) {
    const auto& table = found->second.table();
    if (const auto name = table.find("name"); name != table.end()) {
      Fields only_name;
      only_name.add("method.name", method_name, "");
      only_name.all().front().set(name->second);
      method_named(method_name, name->second.where);
    }
  }
  const MethodEntry& entry = method_named(method_name, "method");
  method = entry.choose();
  view_options.recipe = entry.views;
  fields().set_all(values, {"view"});
  if (const auto found = values.table().find("view"); found != values.table().end()) {
    view_tables_ = found->second;
    vision::parse_recipe(view_tables_);
  }
}

Fields Config::fields() {
  Fields f;
  f.group("data", data);
  f.group("views", view_options);
  f.group("encoder", encoder);
  std::vector<std::string> names;
  for (const MethodEntry& entry : methods()) names.push_back(entry.name);
  f.add("method.name", method_name, "what is compared with what", names);
  f.group("method", *method);
  f.group("optimizer", optimizer);
  f.group("schedule", schedule);
  f.group("train", train);
  return f;
}

vision::ViewRecipe Config::views() const {
  if (!view_tables_.list().empty()) return vision::parse_recipe(view_tables_);
  return vision::builtin_recipe(view_options.recipe, view_options.options);
}

std::string Config::to_toml() const {
  // fields() binds members to be set; here they are only read.
  std::string text = const_cast<Config*>(this)->fields().to_toml();
  if (!view_tables_.list().empty()) text += fmt::format("\n{}", vision::to_toml(views()));
  return text;
}

std::vector<std::string> differences(const Config& a, const Config& b) {
  const Fields fields_a = const_cast<Config&>(a).fields();
  const Fields fields_b = const_cast<Config&>(b).fields();
  std::vector<std::string> lines;
  for (const Field& field : fields_a.all()) {
    for (const Field& other : fields_b.all()) {
      if (other.name != field.name) continue;
      const std::string before = to_toml(field.get()), after = to_toml(other.get());
      if (before != after) lines.push_back(fmt::format("{}: {} -> {}", field.name, before, after));
    }
  }
  if (vision::to_toml(a.views()) != vision::to_toml(b.views())) lines.push_back("the views differ");
  return lines;
}

}  // namespace vistas::recipe
