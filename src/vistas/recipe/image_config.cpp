#include "vistas/recipe/image_config.h"

#include "vistas/recipe/image_run.h"
#include "vistas/vision/views/edit.h"

namespace vistas::recipe {

namespace {

// Takes the tables out of "views": they are of its operations, {color_jitter = {p = 0.5}}.
ValueTable take_operations(Value& values) {
  ValueTable operations;
  auto& groups = std::get<ValueTable>(values.data);
  const auto views = groups.find("views");
  if (views == groups.end() || !views->second.is_table()) return operations;
  auto& settings = std::get<ValueTable>(views->second.data);
  for (const auto& [name, value] : settings) {
    if (value.is_table()) operations[name] = value;
  }
  for (const auto& [name, value] : operations) settings.erase(name);
  return operations;
}

}  // namespace

void ImageViewOptions::fields(Fields& f) {
  f.add("recipe", recipe,
        "named set of views; views.OPERATION.PARAMETER changes an operation of it, as "
        "views.color_jitter.p",
        vision::builtin_recipe_names());
  options.fields(f);
}

ImageConfig::ImageConfig(const Value& values) : Config(values) {
  if (method_name.empty()) method_name = "simclr";
  const MethodEntry& entry = method_named(method_name, "method");
  if (entry.views.empty()) throw not_for("pictures alone", entry.name);
  method = entry.choose();
  view_options.recipe = entry.views;
  if (method_name == "detcon") regions.from = "felzenszwalb";
  Value settings = values;
  const ValueTable operations = take_operations(settings);
  fields().set_all(settings, {"view"});
  if (const auto found = values.table().find("view"); found != values.table().end()) {
    view_tables_ = found->second;
    vision::parse_recipe(view_tables_);
  }
  if (operations.empty()) return;
  vision::ViewRecipe changed = views();
  vision::change_operations(changed, operations);
  view_tables_ = parse_toml(vision::to_toml(changed), "changed views").table().at("view");
}

void ImageConfig::own_fields(Fields& f) {
  f.group("data", data);
  f.group("views", view_options);
  f.group("regions", regions);
  f.group("encoder", encoder);
}

vision::ViewRecipe ImageConfig::views() const {
  if (!view_tables_.list().empty()) return vision::parse_recipe(view_tables_);
  return vision::builtin_recipe(view_options.recipe, view_options.options);
}

vision::ViewRecipe ImageConfig::preprocess() const {
  return vision::builtin_recipe("eval", view_options.options);
}

std::string ImageConfig::tables() const {
  return view_tables_.list().empty() ? "" : vision::to_toml(views());
}

void ImageConfig::settle_as(const Config& settled) {
  const auto* other = dynamic_cast<const ImageConfig*>(&settled);
  if (other == nullptr) return;
  if (encoder.channels == 0) encoder.channels = other->encoder.channels;
  if (encoder.image_size == 0) encoder.image_size = other->encoder.image_size;
}

std::unique_ptr<Training> ImageConfig::open() {
  return std::make_unique<ImageTraining>(*this);
}

}  // namespace vistas::recipe
