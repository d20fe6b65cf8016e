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

}  // namespace
}  // namespace vistas::vision
