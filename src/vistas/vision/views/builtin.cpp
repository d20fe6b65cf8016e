// The published view recipes by name.
#include <functional>
#include <utility>

#include "vistas/base/error.h"
#include "vistas/vision/views/recipe.h"

namespace vistas::vision {
namespace {

// Blurring pictures this small removes what there is to see; the published recipes leave it out.
constexpr int64_t kNoBlurUpTo = 64;

// One line of the tables in docs/views.md.
struct Settings {
  double area_low = 0.08, area_high = 1;
  std::string interpolation = "bilinear";
  double jitter_p = 0.8;
  double brightness = 0.4, contrast = 0.4, saturation = 0.4, hue = 0.1;
  double grey_p = 0.2, blur_p = 0.5, solarize_p = 0;
};

Value number(double x) {
  return Value{.data = x};
}
Value range(double low, double high) {
  return Value{.data = ValueList{number(low), number(high)}};
}

ViewOp crop_op(const Settings& s) {
  return {"random_resized_crop",
          1.0,
          {{"scale", range(s.area_low, s.area_high)},
           {"interpolation", Value{.data = s.interpolation}}}};
}

ViewOp jitter_op(const Settings& s, double strength) {
  return {"color_jitter",
          s.jitter_p,
          {{"brightness", number(s.brightness * strength)},
           {"contrast", number(s.contrast * strength)},
           {"saturation", number(s.saturation * strength)},
           {"hue", number(std::min(s.hue * strength, 0.5))}}};
}

struct Builder {
  const RecipeOptions& options;

  bool blurs() const {
    return options.blur == "on" || (options.blur == "auto" && options.size > kNoBlurUpTo);
  }
  ViewSpec view(int count, int64_t size) const {
    return {.height = static_cast<int>(size),
            .width = static_cast<int>(size),
            .count = count,
            .mean = options.mean,
            .std = options.std};
  }
  Settings global(Settings s) const {
    if (!options.crop_area.empty()) {
      s.area_low = options.crop_area.front();
      s.area_high = options.crop_area.back();
    }
    return s;
  }
  // Crop, flip, jitter, grey, blur, solarize.
  ViewSpec colour(const Settings& s, int count, int64_t size) const {
    ViewSpec spec = view(count, size);
    spec.ops = {
        crop_op(s), {"hflip", 0.5}, jitter_op(s, options.strength), {"grayscale", s.grey_p}};
    if (blurs() && s.blur_p > 0) spec.ops.push_back({"gaussian_blur", s.blur_p});
    if (s.solarize_p > 0) spec.ops.push_back({"solarize", s.solarize_p});
    return spec;
  }
  ViewRecipe symmetric(const Settings& s) const { return {{colour(global(s), 2, options.size)}}; }
  // One view always blurred, the other rarely, and solarized (BYOL).
  ViewRecipe asymmetric(Settings s) const {
    s = global(s);
    s.blur_p = 1.0;
    ViewRecipe recipe{{colour(s, 1, options.size)}};
    s.blur_p = 0.1;
    s.solarize_p = 0.2;
    recipe.views.push_back(colour(s, 1, options.size));
    return recipe;
  }
  void add_local(ViewRecipe& recipe, const Settings& s, int64_t count) const {
    // 96 of 224, in whole multiples of 8.
    const int64_t usual = std::max<int64_t>(8, options.size * 96 / 224 / 8 * 8);
    if (options.local_count >= 0) count = options.local_count;
    if (count == 0) return;
    recipe.views.push_back(
        colour(s, static_cast<int>(count), options.local_size > 0 ? options.local_size : usual));
  }
};

ViewRecipe simclr(const Builder& b) {
  return b.symmetric({.brightness = 0.8, .contrast = 0.8, .saturation = 0.8, .hue = 0.2});
}

// He et al.'s order: crop, grey, jitter (always), flip.
ViewRecipe mocov1(const Builder& b) {
  const Settings s = b.global({.area_low = 0.2, .jitter_p = 1.0, .hue = 0.4});
  ViewSpec spec = b.view(2, b.options.size);
  spec.ops = {
      crop_op(s), {"grayscale", s.grey_p}, jitter_op(s, b.options.strength), {"hflip", 0.5}};
  return {{spec}};
}

ViewRecipe mocov2(const Builder& b) {
  return b.symmetric({.area_low = 0.2});
}

ViewRecipe mocov3(const Builder& b) {
  return b.asymmetric({.saturation = 0.2});
}

ViewRecipe byol(const Builder& b) {
  return b.asymmetric({.interpolation = "bicubic", .saturation = 0.2});
}

ViewRecipe swav(const Builder& b) {
  Settings s{.area_low = 0.14, .brightness = 0.8, .contrast = 0.8, .saturation = 0.8, .hue = 0.2};
  ViewRecipe recipe = b.symmetric(s);
  s.area_low = 0.05;
  s.area_high = 0.14;
  b.add_local(recipe, s, 6);
  return recipe;
}

ViewRecipe dino(const Builder& b) {
  Settings s{.area_low = 0.4, .interpolation = "bicubic", .saturation = 0.2};
  ViewRecipe recipe = b.asymmetric(s);
  s.area_low = 0.05;
  s.area_high = 0.4;
  b.add_local(recipe, s, 8);
  return recipe;
}

ViewRecipe light(const Builder& b) {
  ViewSpec spec = b.view(2, b.options.size);
  spec.ops = {crop_op(b.global({.area_low = 0.2})), {"hflip", 0.5}};
  return {{spec}};
}

// Drawn characters: no flips and no colours, but movement and Simard's elastic distortion, whose
// displacement grows with the picture.
ViewRecipe characters(const Builder& b) {
  const double relative = static_cast<double>(b.options.size) / 28.0, strength = b.options.strength;
  ViewSpec spec = b.view(2, b.options.size);
  spec.ops = {{"resize", 1.0},
              {"affine",
               1.0,
               {{"degrees", number(std::min(25 * strength, 180.0))},
                {"translate", number(std::min(0.15 * strength, 1.0))},
                {"scale", range(1 / (1 + 0.4 * strength), 1 + 0.4 * strength)},
                {"shear", number(std::min(25 * strength, 80.0))},
                {"fill", number(b.options.background)},
                {"interpolation", Value{.data = std::string("bicubic")}}}},
              {"elastic",
               1.0,
               {{"alpha", number(34 * relative * relative * strength)},
                {"sigma", number(4 * relative)},
                {"fill", number(b.options.background)},
                {"interpolation", Value{.data = std::string("bicubic")}}}}};
  return {{spec}};
}

ViewRecipe centre(const Builder& b) {
  ViewSpec spec = b.view(1, b.options.size);
  const double keep = b.options.size > kNoBlurUpTo ? 0.875 : 1.0;
  spec.ops = {{"center_crop", 1.0, {{"keep", number(keep)}}}};
  return {{spec}};
}

ViewRecipe stretched(const Builder& b) {
  ViewSpec spec = b.view(1, b.options.size);
  spec.ops = {{"resize", 1.0}};
  return {{spec}};
}

using Named = std::pair<const char*, ViewRecipe (*)(const Builder&)>;
constexpr Named kRecipes[] = {
    {"simclr", simclr}, {"mocov1", mocov1},  {"mocov2", mocov2}, {"mocov3", mocov3},
    {"byol", byol},     {"simsiam", mocov2}, {"swav", swav},     {"dino", dino},
    {"barlow", byol},   {"vicreg", byol},    {"light", light},   {"characters", characters},
    {"eval", centre},   {"none", stretched},
};

}  // namespace

void RecipeOptions::fields(Fields& f) {
  f.add("size", size, "side of the views in pixels", {1, 16384});
  f.add("strength", strength, "multiplies the published strengths of the colour jitter", {0, 10});
  f.add("blur", blur, "auto: no blur up to 64 pixels", {"auto", "on", "off"});
  f.add("crop_area", crop_area, "[low, high] area of the crops; empty: as published", {1e-6, 1});
  f.add("local_size", local_size, "side of multi-crop's small views; 0: 96 of 224", {0, 16384});
  f.add("local_count", local_count, "number of multi-crop's small views; -1: as published",
        {-1, 64});
  f.add("background", background, "characters: what comes from outside, 0 black .. 1 white",
        {0, 1});
  f.add("mean", mean, "mean of the channels of 0..1 pixels; empty: ImageNet's, grey 0.5");
  f.add("std", std, "their standard deviation; empty: ImageNet's, grey 0.25", {1e-6, 1e6});
}

std::vector<std::string> builtin_recipe_names() {
  std::vector<std::string> names;
  for (const auto& [name, make] : kRecipes) names.push_back(name);
  return names;
}

ViewRecipe builtin_recipe(const std::string& name, const RecipeOptions& options) {
  for (const auto& [known, make] : kRecipes) {
    if (name == known) return make(Builder{options});
  }
  const std::vector<std::string> names = builtin_recipe_names();
  const std::string hint = did_you_mean(name, names);
  std::string all;
  for (const std::string& known : names) all += (all.empty() ? "" : ", ") + known;
  throw Error(ErrorKind::usage, {.what = "unknown view recipe '" + name + "'",
                                 .fix = hint.empty() ? "There are " + all : hint});
}

}  // namespace vistas::vision
