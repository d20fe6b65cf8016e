#include "vistas/tune/view_space.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "vistas/base/error.h"
#include "vistas/recipe/eval_rows.h"
#include "vistas/recipe/image_config.h"
#include "vistas/recipe/recommend_config.h"
#include "vistas/recipe/text_config.h"
#include "vistas/vision/views/edit.h"

namespace vistas::tune {
namespace {

constexpr double kMostShare = 0.9;  // of a sequence

// Parameters of operations where a larger number changes more, and 0 nothing.
constexpr const char* kStrengths[] = {"rotate.degrees",
                                      "affine.degrees",
                                      "affine.translate",
                                      "affine.shear",
                                      "perspective.distortion",
                                      "elastic.alpha",
                                      "color_jitter.brightness",
                                      "color_jitter.contrast",
                                      "color_jitter.saturation",
                                      "color_jitter.hue",
                                      "cutout.side"};

// Ranges from which a number is drawn, and the number that changes nothing.
struct Drawn {
  const char* name;
  double neutral;
};
constexpr Drawn kDrawn[] = {{"affine.scale", 1},        {"scale_jitter.scale", 1},
                            {"sharpness.factor", 1},    {"random_resized_crop.scale", 0},
                            {"gaussian_blur.sigma", 0}, {"tensor_gaussian_blur.sigma", 0},
                            {"erase.scale", 0}};

std::string text_of(const Value& value) {
  return to_toml(value);
}

double rounded(double value) {
  return std::round(1e6 * value) / 1e6;
}

std::optional<double> number_in(const Value& value) {
  const auto* number = std::get_if<double>(&value.data);
  return number == nullptr ? std::nullopt : std::optional(*number);
}

std::vector<Value> values_of(const std::vector<std::string>& toml) {
  std::vector<Value> values;
  for (const std::string& text : toml) {
    values.push_back(parse_assignment("v=" + text).table().at("v"));
  }
  return values;
}

std::vector<Value> with(std::vector<Value> choices, const Value& now) {
  const bool is_new = std::ranges::find(choices, to_toml(now), text_of) == choices.end();
  if (is_new) choices.push_back(now);
  return choices;
}

Dimension around(const Field& field, const Value& now, double low, double high) {
  Dimension d{.name = field.name, .low = low, .high = high, .now = now};
  const double v = *number_in(now);
  if (!takes(field, Value{.data = low})) d.low = v;
  if (!takes(field, Value{.data = high})) d.high = v;
  return d;
}

// Nearer to what changes nothing, as it is, and farther from it.
Dimension drawn_around(const Field& field, double neutral) {
  Dimension d{.name = field.name, .now = field.get()};
  for (const double factor : {0.5, 1.0, 1.5}) {
    Value choice = d.now;
    for (Value& end : std::get<ValueList>(choice.data)) {
      const double v = *number_in(end);
      if (factor != 1) end.data = rounded(neutral + factor * (v - neutral));
    }
    const bool is_new = std::ranges::find(d.choices, to_toml(choice), text_of) == d.choices.end();
    if (is_new && takes(field, choice)) d.choices.push_back(choice);
  }
  return d;
}

void add_operations(const recipe::Config& config, Space& space) {
  const OperationSettings settings(config);
  std::string operation;  // the last one, and whether it is applied
  bool applied = true;
  for (const Field& field : settings.fields) {
    const Value now = field.get();
    const std::string kind = operation_setting(field.name);
    const auto value = number_in(now);
    const std::string of = field.name.substr(0, field.name.rfind('.'));
    if (std::exchange(operation, of) != of) applied = true;
    if (kind.ends_with(".p")) applied = *value > 0;
    if (!applied) continue;
    const auto drawn = std::ranges::find(kDrawn, kind, &Drawn::name);
    if (kind.ends_with(".p")) {
      space.push_back(around(field, now, 0, 1));
    } else if (std::ranges::find(kStrengths, kind) != std::end(kStrengths) && *value > 0) {
      space.push_back(around(field, now, *value / 4, 2 * *value));
    } else if (kind == "random_resized_crop.scale" && *number_in(now.list().back()) == 1) {
      space.push_back({.name = field.name, .choices = with(crop_choices(), now), .now = now});
    } else if (drawn != std::end(kDrawn)) {
      space.push_back(drawn_around(field, drawn->neutral));
    }
  }
}

void add_texts(recipe::TextConfig& config, Space& space) {
  using enum text::TextRecipe;
  const Fields fields = config.fields();
  const auto field = [&](const std::string& name) {
    return *std::ranges::find(fields.all(), name, &Field::name);
  };
  const text::TextRecipe recipe = config.views.recipe;
  if (recipe == delete_one) return;  // has no share
  if (recipe == crop) {
    const Value now = field("views.crop").get();
    space.push_back({.name = "views.crop",
                     .choices = with(values_of({"[0.1, 0.5]", "[0.3, 0.7]", "[0.5, 0.9]"}), now),
                     .now = now});
  } else if (recipe == dropout) {
    const double now = config.encoder.transformer.dropout;
    const bool drops = config.encoder.name == "transformer" && now > 0;
    if (!drops) return;
    space.push_back(
        around(field("encoder.transformer.dropout"), Value{.data = now}, now / 4, 2 * now));
  } else {
    const double rate = config.views.rate;
    const double now = rate < 0 ? text::published_rate(recipe) : rate;
    if (now > 0) {
      space.push_back(around(field("views.rate"), Value{.data = now}, now / 4, 2 * now));
    }
  }
}

void add_sequences(recipe::RecommendConfig& config, Space& space) {
  if (recipe::method_named(config.method_name, "method").sequences != "altered") return;
  const Fields fields = fields_of(config.views);
  for (Field field : fields.all()) {
    const double now = *number_in(field.get());
    if (now == 0) continue;
    field.name = "views." + field.name;
    space.push_back(
        around(field, field.get(), now / 4, std::max(now, std::min(2 * now, kMostShare))));
  }
}

}  // namespace

std::string operation_setting(const std::string& name) {
  const size_t dot = name.rfind('.');
  const size_t before = name.rfind('.', dot - 1);
  std::string operation = name.substr(before + 1, dot - before - 1);
  const size_t number = operation.find_last_not_of("0123456789");
  if (number + 1 < operation.size() && operation[number] == '_') operation.resize(number);
  return operation + name.substr(dot);
}

OperationSettings::OperationSettings(const recipe::Config& config) {
  const auto* images = dynamic_cast<const recipe::ImageConfig*>(&config);
  if (images == nullptr) return;
  views = images->views();
  fields = vision::operation_settings(views);
  for (Field& field : fields) field.name = "views." + field.name;
}

bool takes(const Field& field, const Value& value) {
  const Value now = field.get();
  try {
    field.set(value);
  } catch (const Error&) {
    return false;
  }
  field.set(now);
  return true;
}

std::vector<Value> crop_choices() {
  return values_of({"[0.08, 1.0]", "[0.2, 1.0]", "[0.35, 1.0]", "[0.5, 1.0]"});
}

Space view_space(const recipe::Config& config) {
  Space space;
  add_operations(config, space);
  // Fields are bound to what can be changed; here they are set to what they were.
  auto& bound = const_cast<recipe::Config&>(config);
  if (auto* texts = dynamic_cast<recipe::TextConfig*>(&bound)) add_texts(*texts, space);
  if (auto* sequences = dynamic_cast<recipe::RecommendConfig*>(&bound)) {
    add_sequences(*sequences, space);
  }
  std::erase_if(space, [](const Dimension& d) { return d.choices.size() < 2 && d.low >= d.high; });
  return space;
}

}  // namespace vistas::tune
