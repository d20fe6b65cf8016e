#include "vistas/tune/view_variants.h"

#include <sstream>

#include "vistas/base/error.h"
#include "vistas/recipe/eval_rows.h"
#include "vistas/recipe/image_config.h"
#include "vistas/recipe/recommend_config.h"
#include "vistas/recipe/text_config.h"
#include "vistas/vision/views/edit.h"
#include "vistas/vision/views/operation.h"

namespace vistas::tune {
namespace {

using Names = std::vector<std::string>;

const Names kUsuallyAdded = {"random_resized_crop", "hflip", "affine", "color_jitter", "cutout"};
constexpr double kAddedP = 0.5;

// Those of `added` that are not used yet; `usual` where none are named.
Names to_add(const Names& added, const Names& usual, const Names& used, const Names& known) {
  if (added == Names{"none"}) return {};
  recipe::check_known("view operation", added, known);
  Names out;
  for (const std::string& name : added.empty() ? usual : added) {
    if (!recipe::is_among(used, name)) out.push_back(name);
  }
  return out;
}

Value setting(const std::string& name, const Value& value) {
  return parse_assignment(name + "=" + to_toml(value));
}

Value view_tables(const vision::ViewRecipe& recipe) {
  return parse_toml(vision::to_toml(recipe), "changed views");
}

std::vector<ViewVariant> of_pictures(const recipe::ImageConfig& config, const Names& added) {
  const vision::ViewRecipe recipe = config.views();
  const Names used = vision::operations_of(recipe);
  Names known;
  for (const auto& kind : vision::operation_kinds()) known.push_back(kind.name);
  std::vector<ViewVariant> out;
  for (const std::string& name : used) {
    out.push_back({name, Change::without, view_tables(vision::without_operation(recipe, name))});
  }
  for (const std::string& name : to_add(added, kUsuallyAdded, used, known)) {
    vision::ViewOp op{.name = name};
    if (!vision::is_framing(op)) op.p = kAddedP;
    out.push_back({name, Change::with, view_tables(vision::with_operation(recipe, op))});
  }
  return out;
}

// The choices of views.recipe, as the type of the field lists them.
Names text_recipes() {
  text::TextViewOptions options;
  const Fields fields = fields_of(options);
  std::istringstream type(fields.all().front().type);
  Names names;
  for (std::string name; std::getline(type, name, '|');) names.push_back(name);
  return names;
}

std::vector<ViewVariant> of_texts(const recipe::TextConfig& config, const Names& added) {
  const auto recipe_is = [](const std::string& name) {
    return parse_assignment("views.recipe=" + name);
  };
  const std::string used = std::get<std::string>(config.setting("views.recipe").data);
  const Names all = text_recipes();
  const bool drops_out = !config.encoder.start.empty() || config.encoder.name == "transformer";
  std::vector<ViewVariant> out;
  if (used != "dropout" && drops_out) {
    out.push_back({used, Change::without, recipe_is("dropout")});
  }
  for (const std::string& name : to_add(added, all, {used, "dropout"}, all)) {
    Value settings = recipe_is(name);
    merge_into(settings, parse_assignment("views.rate=-1"));
    out.push_back({name, Change::instead, settings});
  }
  return out;
}

std::vector<ViewVariant> of_sequences(const recipe::RecommendConfig& config, const Names& added) {
  if (recipe::method_named(config.method_name, "method").sequences != "altered") {
    throw Error(ErrorKind::usage, {.what = "views of interactions",
                                   .got = "method " + config.method_name,
                                   .expected = "a method that alters sequences: cl4srec"});
  }
  recommend::SequenceViewOptions set = config.views, usual;
  const Fields now = fields_of(set), published = fields_of(usual);
  Names all, used;
  std::vector<ViewVariant> out;
  for (const Field& field : now.all()) {
    all.push_back(field.name);
    if (std::get<double>(field.get().data) > 0) used.push_back(field.name);
  }
  if (used.size() > 1) {  // without the last one there are no views
    for (const std::string& name : used) {
      out.push_back({name, Change::without, setting("views." + name, Value{.data = 0.0})});
    }
  }
  const Names more = to_add(added, all, used, all);
  for (const Field& field : published.all()) {
    if (!recipe::is_among(more, field.name)) continue;
    out.push_back({field.name, Change::with, setting("views." + field.name, field.get())});
  }
  return out;
}

}  // namespace

std::string ViewVariant::name() const {
  switch (change) {
    case Change::none:
      return "all";
    case Change::without:
      return "without " + operation;
    case Change::with:
      return "with " + operation;
    case Change::instead:
      return operation + " instead";
  }
  return "";
}

std::vector<ViewVariant> view_variants(const recipe::Config& config,
                                       const std::vector<std::string>& added) {
  std::vector<ViewVariant> changed;
  if (const auto* images = dynamic_cast<const recipe::ImageConfig*>(&config)) {
    changed = of_pictures(*images, added);
  } else if (const auto* texts = dynamic_cast<const recipe::TextConfig*>(&config)) {
    changed = of_texts(*texts, added);
  } else if (const auto* sequences = dynamic_cast<const recipe::RecommendConfig*>(&config)) {
    changed = of_sequences(*sequences, added);
  } else {
    throw Error(ErrorKind::usage, {.what = "views of boxes or masks",
                                   .expected = "a recipe for pictures, texts or sequences"});
  }
  if (changed.empty()) {
    throw Error(ErrorKind::usage,
                {.what = "no operations to choose from",
                 .got = "a recipe with none to leave out, and none to add",
                 .fix = "Name some: --add color_jitter,affine for pictures, --add crop for texts"});
  }
  changed.insert(changed.begin(), ViewVariant{});
  return changed;
}

}  // namespace vistas::tune
