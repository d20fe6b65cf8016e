#include "vistas/vision/tasks/explain_views.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/temp_folder.h"
#include "vistas/base/random.h"
#include "vistas/vision/sources/encode.h"

namespace vistas::vision {
namespace {

// Its features are the means of the channels and a constant.
class MeanColour final : public ImageEncoder {
 public:
  using ImageEncoder::forward;
  at::Tensor forward(const at::Tensor& pixels) override {
    const at::Tensor mean = pixels.mean(at::IntArrayRef{2, 3});
    return at::cat({mean, at::ones({mean.size(0), 1})}, 1);
  }
  int64_t dim() const override { return 4; }
};

Bundle mean_colour() {
  ViewSpec view{.height = 8, .width = 8, .mean = {0, 0, 0}, .std = {1, 1, 1}, .ops = {{"resize"}}};
  return {{}, std::make_shared<MeanColour>(), {{view}}};
}

ViewRecipe recipe_of(std::vector<ViewOp> ops) {
  return {{{.height = 8, .width = 8, .count = 2, .ops = std::move(ops)}}};
}

// Three pictures of 16 x 16: one colour each, or grey.
std::shared_ptr<const ImageSource> pictures(const test::TempFolder& folder, bool grey) {
  for (int i = 0; i < 3; ++i) {
    Image image(16, 16, 3);
    for (size_t at = 0; at < image.size_bytes(); ++at) {
      image.row<uint8_t>(0)[at] = static_cast<uint8_t>(grey                  ? 60 * i
                                                       : at % 3 == size_t(i) ? 255
                                                                             : 0);
    }
    write_png(folder.path() / ("picture" + std::to_string(i) + ".png"), image.view());
  }
  SourceOptions options;
  options.channels = "rgb";
  return open_source(folder.path(), options);
}

bool any_has(const std::vector<std::string>& texts, const std::string& part) {
  for (const std::string& text : texts) {
    if (text.find(part) != std::string::npos) return true;
  }
  return false;
}

TEST(ExplainViews, DistancesByHand) {
  const test::TempFolder folder;
  const auto e = explain_views(recipe_of({{"resize"}, {"hflip", 0.5}, {"invert", 0.25}}),
                               pictures(folder, false), mean_colour(), {.draws = 8});
  ASSERT_EQ(e.operations.size(), 3u);
  EXPECT_EQ(e.operations[0].name, "resize");
  EXPECT_EQ(e.operations[0].moved.pixels, 0);
  // One colour is its own mirror picture.
  EXPECT_EQ(e.operations[1].moved.pixels, 0);
  EXPECT_NEAR(e.operations[1].moved.embedding, 0, 1e-6);
  EXPECT_TRUE(any_has(e.warnings, "hflip does not change any of these pictures"));
  EXPECT_FALSE(any_has(e.warnings, "resize"));
  // (1, 0, 0 | 1) against (0, 1, 1 | 1): every value changes, and the cosine is 1 / sqrt(2 x 3).
  EXPECT_EQ(e.operations[2].p, 0.25);
  EXPECT_DOUBLE_EQ(e.operations[2].moved.pixels, 1);
  EXPECT_NEAR(e.operations[2].moved.embedding, 1 - 1 / std::sqrt(6.0), 1e-6);
  ASSERT_EQ(e.examples.size(), 3u);
  EXPECT_NEAR(e.examples[2].others.front().cosine, 1 / std::sqrt(6.0), 1e-6);
}

TEST(ExplainViews, PairsBesideEachOther) {
  const test::TempFolder folder;
  const auto e = explain_views(recipe_of({{"resize"}}), pictures(folder, false), mean_colour(),
                               {.draws = 2, .shown = 2});
  EXPECT_EQ(e.pictures, 3);
  EXPECT_EQ(e.positive.pixels, 0);
  EXPECT_NEAR(e.positive.embedding, 0, 1e-6);
  // (1, 0, 0 | 1) against (0, 1, 0 | 1): two values of three change, the cosine is 1 / 2.
  EXPECT_NEAR(e.negative.pixels, std::sqrt(2.0 / 3), 1e-9);
  EXPECT_NEAR(e.negative.embedding, 0.5, 1e-6);
  EXPECT_EQ(e.identical, 1);
  EXPECT_EQ(e.overlap, 1);
  EXPECT_TRUE(any_has(e.warnings, "the same pixels in 100 % of the draws"));
  ASSERT_EQ(e.pairs.size(), 2u);
  ASSERT_EQ(e.pairs[0].others.size(), 4u);
  for (const Example& pair : e.pairs) {
    for (const ExampleView& other : pair.others) {
      EXPECT_NEAR(other.cosine, *other.positive ? 1 : 0.5, 1e-6);
    }
  }
}

TEST(ExplainViews, WarnsOfColourOnGreyAndOfCropsApart) {
  const test::TempFolder folder;
  const ValueTable tiny = {{"scale", Value{.data = 0.02}}};
  const auto e = explain_views(
      recipe_of({{"random_resized_crop", 1, tiny}, {"color_jitter", 0.8}, {"grayscale", 0.2}}),
      pictures(folder, true), mean_colour(), {.draws = 4});
  EXPECT_TRUE(e.grey);
  EXPECT_TRUE(any_has(e.warnings, "color_jitter: the pictures are grey"));
  EXPECT_TRUE(any_has(e.warnings, "grayscale does not change"));
  EXPECT_TRUE(any_has(e.warnings, "almost never overlap"));
  EXPECT_GT(e.apart, 0.8);  // two boxes of 2 x 2 or so among 14 x 14 places
  EXPECT_LT(e.overlap, 0.2);
}

TEST(ExplainViews, OnePictureHasNoNegatives) {
  const test::TempFolder folder;
  const auto e = explain_views(recipe_of({{"random_resized_crop"}}), pictures(folder, false),
                               mean_colour(), {.pictures = 1, .draws = 3});
  EXPECT_EQ(e.pictures, 1);
  EXPECT_TRUE(std::isnan(e.negative.pixels) && std::isnan(e.negative.embedding));
  ASSERT_EQ(e.pairs.size(), 1u);
  EXPECT_EQ(e.pairs[0].others.size(), 3u);
}

}  // namespace
}  // namespace vistas::vision
