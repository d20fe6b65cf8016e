#include "vistas/vision/views/recipe.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/vision/views/maker.h"

namespace vistas::vision {
namespace {

ViewRecipe parsed(const std::string& text) {
  return parse_recipe(parse_toml(text, "my.toml").table().at("view"));
}

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.what();
  }
  return "no error";
}

std::string parse_error(const std::string& text) {
  return error_of([&] { parsed(text); });
}

// The parameter of the first operation with that name in view table `view`.
double parameter(const ViewRecipe& recipe, size_t view, const std::string& op,
                 const std::string& name, size_t item = 0) {
  const auto& ops = recipe.views.at(view).ops;
  const auto found =
      std::find_if(ops.begin(), ops.end(), [&](const ViewOp& o) { return o.name == op; });
  if (found == ops.end()) return -1;
  const Value& value = found->parameters.at(name);
  const auto* list = std::get_if<ValueList>(&value.data);
  return std::get<double>((list != nullptr ? (*list)[item] : value).data);
}

double probability(const ViewRecipe& recipe, size_t view, const std::string& op) {
  for (const ViewOp& o : recipe.views.at(view).ops) {
    if (o.name == op) return o.p;
  }
  return 0;
}

TEST(Recipe, EveryNamedRecipeSurvivesToml) {
  for (const std::string& name : builtin_recipe_names()) {
    for (const int64_t size : {32, 224}) {
      const ViewRecipe recipe = builtin_recipe(name, {.size = size});
      const std::string text = to_toml(recipe);
      const ViewRecipe again = parsed(text);
      EXPECT_EQ(again, recipe) << text;
      EXPECT_EQ(to_toml(again), text);
      EXPECT_NO_THROW(ViewMaker(again, 3, PixelType::u8)) << text;
      EXPECT_NO_THROW(ViewMaker(again, 1, PixelType::u8)) << text;
    }
  }
}

TEST(Recipe, EqualityNoticesEveryParameter) {
  const ViewRecipe a = builtin_recipe("simclr", {});
  ViewRecipe b = a;
  EXPECT_EQ(a, b);
  b.views[0].ops[2].parameters["hue"].data = 0.3;
  EXPECT_FALSE(a == b);
}

struct Published {
  const char* name;
  int views;
  double area_low;
  double brightness, saturation, hue, jitter_p;
  double blur_first, blur_second, solarize_second;
};

class PublishedRecipe : public testing::TestWithParam<Published> {};

TEST_P(PublishedRecipe, HasThePublishedNumbersInEveryView) {
  const Published& want = GetParam();
  const ViewRecipe recipe = builtin_recipe(want.name, {});
  EXPECT_EQ(recipe.view_count(), want.views);
  for (size_t v = 0; v < recipe.views.size(); ++v) {
    EXPECT_EQ(probability(recipe, v, "color_jitter"), want.jitter_p);
    EXPECT_EQ(parameter(recipe, v, "color_jitter", "brightness"), want.brightness);
    EXPECT_EQ(parameter(recipe, v, "color_jitter", "saturation"), want.saturation);
    EXPECT_EQ(parameter(recipe, v, "color_jitter", "hue"), want.hue);
    EXPECT_EQ(probability(recipe, v, "grayscale"), 0.2);
    EXPECT_EQ(probability(recipe, v, "hflip"), 0.5);
  }
  EXPECT_EQ(parameter(recipe, 0, "random_resized_crop", "scale"), want.area_low);
  EXPECT_EQ(probability(recipe, 0, "gaussian_blur"), want.blur_first);
  if (recipe.views[0].count == 1) {
    EXPECT_EQ(probability(recipe, 1, "gaussian_blur"), want.blur_second);
    EXPECT_EQ(probability(recipe, 1, "solarize"), want.solarize_second);
  }
}

INSTANTIATE_TEST_SUITE_P(All, PublishedRecipe,
                         testing::Values(Published{"simclr", 2, .08, .8, .8, .2, .8, .5, .5, 0},
                                         Published{"mocov1", 2, .2, .4, .4, .4, 1., 0, 0, 0},
                                         Published{"mocov2", 2, .2, .4, .4, .1, .8, .5, .5, 0},
                                         Published{"mocov3", 2, .08, .4, .2, .1, .8, 1, .1, .2},
                                         Published{"byol", 2, .08, .4, .2, .1, .8, 1, .1, .2},
                                         Published{"simsiam", 2, .2, .4, .4, .1, .8, .5, .5, 0},
                                         Published{"swav", 8, .14, .8, .8, .2, .8, .5, .5, 0},
                                         Published{"dino", 10, .4, .4, .2, .1, .8, 1, .1, .2},
                                         Published{"barlow", 2, .08, .4, .2, .1, .8, 1, .1, .2},
                                         Published{"vicreg", 2, .08, .4, .2, .1, .8, 1, .1, .2}));

TEST(Recipe, MultiCropHasSmallViews) {
  const ViewRecipe dino = builtin_recipe("dino", {});
  EXPECT_EQ(dino.views.back().count, 8);
  EXPECT_EQ(dino.views.back().height, 96);
  EXPECT_EQ(parameter(dino, 2, "random_resized_crop", "scale", 1), 0.4);
  EXPECT_EQ(probability(dino, 2, "gaussian_blur"), 0.5);
  EXPECT_EQ(probability(dino, 2, "solarize"), 0.0);
  const ViewRecipe swav = builtin_recipe("swav", {.size = 64, .local_size = 24, .local_count = 3});
  EXPECT_EQ(swav.views.back().count, 3);
  EXPECT_EQ(swav.views.back().height, 24);
  EXPECT_EQ(builtin_recipe("dino", {.local_count = 0}).view_count(), 2);
}

TEST(Recipe, StrengthReachesEveryView) {
  for (const char* name : {"simclr", "byol", "dino", "swav"}) {
    const ViewRecipe half = builtin_recipe(name, {.strength = 0.5});
    const ViewRecipe full = builtin_recipe(name, {});
    for (size_t v = 0; v < half.views.size(); ++v) {
      for (const char* part : {"brightness", "contrast", "saturation", "hue"}) {
        EXPECT_EQ(parameter(half, v, "color_jitter", part),
                  parameter(full, v, "color_jitter", part) * 0.5);
      }
    }
  }
}

TEST(Recipe, MocoV1MakesGreyBeforeJitter) {
  const auto ops = builtin_recipe("mocov1", {}).views[0].ops;
  ASSERT_EQ(ops.size(), 4U);
  EXPECT_EQ(ops[1].name, "grayscale");
  EXPECT_EQ(ops[2].name, "color_jitter");
  EXPECT_EQ(ops[3].name, "hflip");
}

TEST(Recipe, SmallViewsAreNotBlurredUnlessAsked) {
  EXPECT_EQ(probability(builtin_recipe("simclr", {.size = 64}), 0, "gaussian_blur"), 0);
  EXPECT_EQ(probability(builtin_recipe("simclr", {.size = 96}), 0, "gaussian_blur"), 0.5);
  EXPECT_EQ(probability(builtin_recipe("simclr", {.size = 32, .blur = "on"}), 0, "gaussian_blur"),
            0.5);
  EXPECT_EQ(probability(builtin_recipe("byol", {.blur = "off"}), 0, "gaussian_blur"), 0);
}

TEST(Recipe, SizeMayBeTwoNumbers) {
  const ViewRecipe recipe =
      parsed("[[view]]\nsize = [20, 30]\ncount = 3\nops = [{ op = \"resize\" }]");
  EXPECT_EQ(recipe.views[0].height, 20);
  EXPECT_EQ(recipe.views[0].width, 30);
  EXPECT_EQ(recipe.view_count(), 3);
  EXPECT_EQ(parsed(to_toml(recipe)), recipe);
}

TEST(Recipe, ErrorsNameFileLineAndTheNearestNames) {
  EXPECT_EQ(parse_error("[[view]]\nops = [\n  { op = \"resize\" },\n  { op = \"solarise\" },\n]"),
            "my.toml:4: unknown view operation 'solarise'. Did you mean solarize?");
}

TEST(Recipe, ErrorsOfParameters) {
  EXPECT_EQ(parse_error("[[view]]\nops = [\n{ op = \"gaussian_blur\", sigm = 1 }]"),
            "my.toml:3: unknown option 'sigm'. Did you mean sigma?");
  EXPECT_EQ(parse_error("[[view]]\nops = [\n{ op = \"gaussian_blur\", sigma = [2, 1] }]"),
            "my.toml:3: gaussian_blur: sigma: got [2, 1], expected one number or [low, high]");
  EXPECT_EQ(parse_error("[[view]]\nops = [\n{ op = \"hflip\", p = 1.5 }]"),
            "my.toml:3: p: got 1.5, expected a number 0 .. 1");
  EXPECT_EQ(parse_error("[[view]]\nsise = 3\n"),
            "my.toml:2: unknown option 'sise'. Did you mean size or std?");
}

TEST(Recipe, DocsNameEveryOperationAndRecipe) {
  const std::string docs =
      read_file(std::filesystem::path(VISTAS_SOURCE_DIR) / "docs" / "views.md");
  std::vector<std::string> names = builtin_recipe_names();
  for (const OperationKind& kind : operation_kinds()) names.push_back(kind.name);
  for (const std::string& name : names) {
    EXPECT_NE(docs.find("`" + name + "`"), std::string::npos) << name;
  }
}

TEST(Recipe, UnknownNameSuggestsKnownOnes) {
  EXPECT_EQ(error_of([] { builtin_recipe("simclt", {}); }),
            "unknown view recipe 'simclt'. Did you mean simclr?");
}

TEST(Recipe, MakerRefusesWhatThePicturesDoNotAllow) {
  const ViewRecipe recipe = parsed(
      "[[view]]\nops = [\n{ op = \"random_resized_crop\" },\n{ op = \"grayscale\", p = 0.2 }]");
  EXPECT_NO_THROW(ViewMaker(recipe, 1, PixelType::u8));
  EXPECT_NO_THROW(ViewMaker(recipe, 3, PixelType::u16));
  EXPECT_EQ(error_of([&] { ViewMaker(recipe, 5, PixelType::u16); }),
            "my.toml:4: grayscale is defined for RGB and grey pictures only: got 5 channels, "
            "expected 1 or 3 channels. Leave this operation out of the view recipe");
  const ViewRecipe late = parsed("[[view]]\nops = [{ op = \"hflip\" }]");
  EXPECT_EQ(error_of([&] { ViewMaker(late, 3, PixelType::u8); }),
            "my.toml:2: hflip: expected random_resized_crop, resize, center_crop, scale_jitter or "
            "letterbox as the first "
            "operation");
}

}  // namespace
}  // namespace vistas::vision
