#include "vistas/vision/views/edit.h"

#include <gtest/gtest.h>

#include "support/errors.h"
#include "vistas/vision/views/maker.h"

namespace vistas::vision {
namespace {

using Names = std::vector<std::string>;

std::vector<Names> names(const ViewRecipe& recipe) {
  std::vector<Names> out;
  for (const ViewSpec& view : recipe.views) {
    out.emplace_back();
    for (const ViewOp& op : view.ops) out.back().push_back(op.name);
  }
  return out;
}

TEST(OperationsOf, AreThoseThatMakeViewsDiffer) {
  EXPECT_EQ(operations_of(builtin_recipe("byol", {.size = 96})),
            (Names{"random_resized_crop", "hflip", "color_jitter", "grayscale", "gaussian_blur",
                   "solarize"}));
  EXPECT_EQ(operations_of(builtin_recipe("characters", {.size = 32})),
            (Names{"affine", "elastic"}));
  EXPECT_TRUE(operations_of(builtin_recipe("eval", {})).empty());
  EXPECT_TRUE(operations_of({{{.ops = {{"resize"}, {"hflip", 0.0}}}}}).empty());
}

TEST(WithoutOperation, LeavesTheOthersInEveryView) {
  const ViewRecipe byol = builtin_recipe("byol", {.size = 96});
  EXPECT_EQ(
      names(without_operation(byol, "hflip")),
      (std::vector<Names>{
          {"random_resized_crop", "color_jitter", "grayscale", "gaussian_blur"},
          {"random_resized_crop", "color_jitter", "grayscale", "gaussian_blur", "solarize"}}));
  // Only the second view has it.
  EXPECT_EQ(names(without_operation(byol, "solarize"))[1].size(), 5u);
  // What gives the size cannot just go.
  const ViewRecipe whole = without_operation(byol, "random_resized_crop");
  for (const Names& view : names(whole)) EXPECT_EQ(view.front(), "resize");
  EXPECT_EQ(names(whole)[0].size(), 5u);
  EXPECT_NO_THROW(ViewMaker(whole, 3, PixelType::u8));
  test::expect_error([&] { without_operation(byol, "solarise"); }, "solarize", ErrorKind::usage);
  test::expect_error([] { without_operation(builtin_recipe("eval", {}), "hflip"); },
                     "none to leave out", ErrorKind::usage);
}

TEST(WithOperation, AddsItToEveryView) {
  const ViewRecipe characters = builtin_recipe("characters", {.size = 32});
  const ViewRecipe more = with_operation(characters, {"hflip", 0.25});
  EXPECT_EQ(names(more), (std::vector<Names>{{"resize", "affine", "elastic", "hflip"}}));
  EXPECT_EQ(more.views[0].ops.back().p, 0.25);
  EXPECT_EQ(names(with_operation(characters, {"random_resized_crop"})),
            (std::vector<Names>{{"random_resized_crop", "affine", "elastic"}}));
}

ValueTable change(const std::string& assignment) {
  return parse_assignment(assignment).table();
}

Names names_of(const std::vector<Field>& settings) {
  Names out;
  for (const Field& field : settings) out.push_back(field.name);
  return out;
}

TEST(OperationSettings, AreBoundToTheRecipe) {
  ViewRecipe recipe = parse_recipe(parse_toml(R"(view = [{ops = [
      {op = "resize"}, {op = "hflip", p = 0.5}, {op = "affine", scale = [0.7, 1.4]},
      {op = "affine", degrees = 20}]}])",
                                              "test")
                                       .table()
                                       .at("view"));
  const auto settings = operation_settings(recipe);
  EXPECT_EQ(names_of(settings),
            (Names{"resize.interpolation", "hflip.p", "affine.p", "affine.degrees",
                   "affine.translate", "affine.scale", "affine.shear", "affine.interpolation",
                   "affine.fill", "affine_2.p", "affine_2.degrees", "affine_2.translate",
                   "affine_2.scale", "affine_2.shear", "affine_2.interpolation", "affine_2.fill"}));
  const auto field = [&](const std::string& name) {
    return *std::ranges::find(settings, name, &Field::name);
  };
  EXPECT_EQ(vistas::to_toml(field("affine.scale").get()), "[0.7, 1.4]");
  EXPECT_EQ(vistas::to_toml(field("affine_2.degrees").get()), "20.0");
  EXPECT_EQ(field("affine.degrees").range, "0 .. 180");
  field("hflip.p").set(Value{.data = 0.25});
  field("affine_2.shear").set(Value{.data = 5.0});
  EXPECT_EQ(recipe.views[0].ops[1].p, 0.25);
  EXPECT_EQ(vistas::to_toml(recipe.views[0].ops[3].parameters.at("shear")), "5.0");
  EXPECT_FALSE(recipe.views[0].ops[2].parameters.contains("shear"));
  // A value that is refused changes nothing.
  const ViewRecipe before = recipe;
  const Value wrong_way = parse_assignment("v=[1.4, 0.7]").table().at("v");
  EXPECT_THROW(field("affine.scale").set(wrong_way), Error);
  EXPECT_THROW(field("affine.degrees").set(Value{.data = 200.0}), Error);
  EXPECT_TRUE(recipe == before);
  field("affine.degrees").set(Value{.data = 30.0});
  EXPECT_EQ(vistas::to_toml(field("affine.scale").get()), "[0.7, 1.4]");
}

TEST(OperationSettings, NumberTheTablesOfViewsOfSeveralKinds) {
  ViewRecipe byol = builtin_recipe("byol", {.size = 96});
  change_operations(byol, change("2.solarize.p=0.4"));
  EXPECT_EQ(byol.views[1].ops.back().p, 0.4);
  change_operations(byol, change("1.gaussian_blur={p=0.7, sigma=[0.1, 1.0]}"));
  EXPECT_EQ(byol.views[0].ops.back().p, 0.7);
  EXPECT_EQ(byol.views[1].ops[4].p, 0.1);
}

TEST(OperationSettings, NameTheNearest) {
  ViewRecipe recipe = builtin_recipe("simclr", {.size = 32});
  const auto error = [&](const std::string& assignment) {
    return test::error_of([&] { change_operations(recipe, change(assignment)); }, ErrorKind::usage);
  };
  for (const char* word : {"views.colour_jitter.p", "color_jitter.p", "hflip"}) {
    EXPECT_NE(error("colour_jitter.p=0.5").find(word), std::string::npos) << word;
  }
  EXPECT_NE(error("color_jitter.brigthness=0.5").find("color_jitter.brightness"),
            std::string::npos);
  EXPECT_NE(error("hflip.p=2").find("0 .. 1"), std::string::npos);
  EXPECT_NE(error("solarize.p=0.5").find("no 'views.solarize.p'"), std::string::npos);
}

}  // namespace
}  // namespace vistas::vision
