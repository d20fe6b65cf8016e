#include "vistas/recipe/image_config.h"

#include "vistas/recipe/image_run.h"

namespace vistas::recipe {

void ImageViewOptions::fields(Fields& f) {
  f.add("recipe", recipe, "named set of views", vision::builtin_recipe_names());
  options.fields(f);
}

ImageConfig::ImageConfig(const Value& values) : Config(values) {
  if (method_name.empty()) method_name = "simclr";
  const MethodEntry& entry = method_named(method_name, "method");
  if (entry.views.empty()) throw not_for("pictures alone", entry.name);
  method = entry.choose();
  view_options.recipe = entry.views;
  if (method_name == "detcon") regions.from = "felzenszwalb";
  fields().set_all(values, {"view"});
  if (const auto found = values.table().find("view"); found != values.table().end()) {
    view_tables_ = found->second;
    vision::parse_recipe(view_tables_);
  }
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
