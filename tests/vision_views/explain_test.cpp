#include "vistas/vision/views/explain.h"

#include <gtest/gtest.h>

#include <cmath>

#include "vistas/base/error.h"
#include "vistas/vision/views/maker.h"

namespace vistas::vision {
namespace {

Image filled(int height, int width, const std::vector<uint8_t>& pixel) {
  Image image(height, width, static_cast<int>(pixel.size()));
  for (size_t i = 0; i < image.size_bytes(); ++i)
    image.row<uint8_t>(0)[i] = pixel[i % pixel.size()];
  return image;
}

bool any_has(const std::vector<std::string>& texts, const std::string& part) {
  for (const std::string& text : texts) {
    if (text.find(part) != std::string::npos) return true;
  }
  return false;
}

TEST(Overlap, OfBoxesByHand) {
  const Box a{.top = 0, .left = 0, .height = 10, .width = 20};
  EXPECT_EQ(overlap(a, a), 1);
  EXPECT_EQ(overlap(a, {2, 3, 4, 5}), 1);              // within
  EXPECT_EQ(overlap({5, 10, 10, 10}, a), 0.5);         // 5 x 10 of 10 x 10
  EXPECT_EQ(overlap(a, {8, 18, 5, 4}), 2 * 2 / 20.0);  // a corner of 2 x 2
  EXPECT_EQ(overlap(a, {10, 0, 10, 20}), 0);           // they touch
  EXPECT_EQ(overlap(a, {0, 30, 10, 20}), 0);           // apart
  EXPECT_EQ(overlap(a, {0, 0, 0, 20}), 0);             // no pixels
}

TEST(PixelDistance, IsRootMeanSquare) {
  const Image black = filled(2, 3, {0, 0, 0}), white = filled(2, 3, {255, 255, 255});
  EXPECT_EQ(pixel_distance(black.view(), black.view()), 0);
  EXPECT_DOUBLE_EQ(pixel_distance(black.view(), white.view()), 1);
  const Image blue = filled(2, 3, {0, 0, 51});  // a fifth of white in a third of the values
  EXPECT_DOUBLE_EQ(pixel_distance(black.view(), blue.view()), std::sqrt(0.04 / 3));
  EXPECT_THROW(pixel_distance(black.view(), filled(3, 2, {0, 0, 0}).view()), Error);
}

TEST(IsGrey, LooksAtEveryPixel) {
  Image image = filled(4, 5, {7, 7, 7});
  EXPECT_TRUE(is_grey(image.view()));
  image.row<uint8_t>(3)[4 * 3 + 2] = 8;  // blue of the last pixel
  EXPECT_FALSE(is_grey(image.view()));
  EXPECT_TRUE(is_grey(filled(4, 5, {9}).view()));
}

TEST(OperationAlone, IsAppliedToTheWholePicture) {
  const ViewRecipe recipe = builtin_recipe("simclr", {.size = 8});
  const ViewSpec& view = recipe.views.front();
  const ViewMaker plain(without_operations(view), 3, PixelType::u8);
  Image image(8, 8, 3);
  for (size_t i = 0; i < image.size_bytes(); ++i) {
    image.row<uint8_t>(0)[i] = static_cast<uint8_t>(i * 37 % 251);
  }
  ViewScratch unchanged, changed;
  plain.make_pixels(image.view(), {}, 0, unchanged);
  EXPECT_EQ(pixel_distance(unchanged.image.view(), image.view()), 0);
  // A probability of 1 instead of 0.2: in every draw.
  const ViewMaker grey(operation_alone(view, {"grayscale", 0.2}), 3, PixelType::u8);
  ASSERT_EQ(grey.view_count(), 1);
  for (uint64_t draw = 0; draw < 20; ++draw) {
    grey.make_pixels(image.view(), {.epoch = draw}, 0, changed);
    EXPECT_TRUE(is_grey(changed.image.view()));
    EXPECT_GT(pixel_distance(unchanged.image.view(), changed.image.view()), 0.01);
  }
  // What gives the size stands first, once.
  const ViewRecipe crop = operation_alone(view, view.ops.front());
  ASSERT_EQ(crop.views.front().ops.size(), 1u);
  EXPECT_EQ(crop.views.front().ops.front().name, "random_resized_crop");
}

TEST(RecipeWarnings, NameWhatCannotBeMeant) {
  const ViewRecipe simclr = builtin_recipe("simclr", {.size = 32, .blur = "on"});
  EXPECT_TRUE(recipe_warnings(simclr, false).empty());
  const auto grey = recipe_warnings(simclr, true);
  ASSERT_EQ(grey.size(), 1u);
  EXPECT_TRUE(any_has(grey, "color_jitter: the pictures are grey"));
  // sigma 2: 12 pixels, as wide as the view is allowed to be.
  EXPECT_TRUE(recipe_warnings(builtin_recipe("simclr", {.size = 12, .blur = "on"}), false).empty());
  EXPECT_TRUE(any_has(recipe_warnings(builtin_recipe("simclr", {.size = 11, .blur = "on"}), false),
                      "gaussian_blur: a blur of sigma 2 is 12 pixels wide"));
  EXPECT_TRUE(any_has(recipe_warnings(builtin_recipe("none", {}), false), "one view"));
  // Of several kinds of views the one that is meant is named; never applied is no reason.
  ViewRecipe byol = builtin_recipe("byol", {.size = 32, .blur = "on"});
  byol.views[1].ops[2].p = 0;
  const auto first = recipe_warnings(byol, true);
  ASSERT_EQ(first.size(), 1u);
  EXPECT_TRUE(any_has(first, "[[view]] 1: color_jitter"));
}

TEST(ViewBox, IsThatOfTheViewThatIsMade) {
  const ViewMaker maker(builtin_recipe("simclr", {.size = 16}), 3, PixelType::u8);
  const Image image = filled(50, 70, {1, 2, 3});
  ViewScratch scratch;
  for (uint64_t i = 0; i < 20; ++i) {
    for (const int view : {0, 1}) {
      const DrawKey key{.sample = i};
      EXPECT_EQ(maker.view_box(50, 70, key, view),
                maker.make_pixels(image.view(), key, view, scratch).box);
    }
  }
}

}  // namespace
}  // namespace vistas::vision
