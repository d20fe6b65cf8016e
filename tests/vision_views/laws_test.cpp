// The laws of the random parameters, by chi-square tests with fixed seeds.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numeric>

#include "vistas/vision/views/colour.h"
#include "vistas/vision/views/maker.h"

namespace vistas::vision {
namespace {

// Chi-square of counts against equal expectations, and the bound it exceeds with probability 1e-4
// (Wilson and Hilferty's approximation).
void expect_uniform(const std::vector<int64_t>& counts) {
  const double total =
      static_cast<double>(std::accumulate(counts.begin(), counts.end(), int64_t{0}));
  const double bins = static_cast<double>(counts.size()), expected = total / bins;
  double chi = 0;
  for (const int64_t n : counts) {
    chi += (static_cast<double>(n) - expected) * (static_cast<double>(n) - expected) / expected;
  }
  const double k = bins - 1, a = 2 / (9 * k);
  EXPECT_LT(chi, k * std::pow(1 - a + 3.719 * std::sqrt(a), 3)) << "of " << bins << " bins";
}

class Histogram {
 public:
  Histogram(double low, double high, int bins)
      : low_(low), high_(high), counts_(static_cast<size_t>(bins)) {}
  void add(double x) {
    const double bins = static_cast<double>(counts_.size());
    const double bin = std::floor((x - low_) / (high_ - low_) * bins);
    ++counts_[static_cast<size_t>(std::clamp(bin, 0.0, bins - 1))];
  }
  const std::vector<int64_t>& counts() const { return counts_; }

 private:
  double low_, high_;
  std::vector<int64_t> counts_;
};

constexpr int kSamples = 20000;

ViewRecipe recipe_of(std::vector<ViewOp> ops, int size = 8) {
  ViewSpec spec{.height = size, .width = size, .ops = std::move(ops)};
  return {{spec}};
}

Value list(double low, double high) {
  return Value{.data = ValueList{Value{.data = low}, Value{.data = high}}};
}

// The box of view 0 of every sample; needs no pixels.
std::vector<Box> boxes(const ViewRecipe& recipe, int height, int width) {
  const ViewMaker maker(recipe, 3, PixelType::u8);
  std::vector<Box> result;
  for (uint64_t i = 0; i < kSamples; ++i) {
    result.push_back(maker.needed_box(height, width, {.seed = 5, .epoch = 1, .sample = i}));
  }
  return result;
}

TEST(Laws, CropAreaIsUniform) {
  // Where every box fits: areas up to a half, square pictures, ratios near 1.
  const auto all =
      boxes(recipe_of({{"random_resized_crop", 1, {{"scale", list(0.1, 0.5)}}}}), 4000, 4000);
  Histogram area(0.1, 0.5, 40);
  for (const Box& b : all) area.add(static_cast<double>(b.height) * b.width / 16e6);
  expect_uniform(area.counts());
}

TEST(Laws, CropRatioIsUniformInTheLogarithm) {
  const auto all =
      boxes(recipe_of({{"random_resized_crop", 1, {{"scale", list(0.1, 0.5)}}}}), 4000, 4000);
  Histogram ratio(std::log(0.75), std::log(4.0 / 3.0), 40);
  for (const Box& b : all) ratio.add(std::log(static_cast<double>(b.width) / b.height));
  expect_uniform(ratio.counts());
}

TEST(Laws, CropPositionIsUniform) {
  const auto all =
      boxes(recipe_of({{"random_resized_crop", 1, {{"scale", list(0.1, 0.5)}}}}), 4000, 3000);
  Histogram top(0, 1, 25), left(0, 1, 25);
  for (const Box& b : all) {
    top.add((b.top + 0.5) / (4000 - b.height + 1));
    left.add((b.left + 0.5) / (3000 - b.width + 1));
  }
  expect_uniform(top.counts());
  expect_uniform(left.counts());
}

TEST(Laws, CropPositionIsUniformOnSmallPictures) {
  // 25 places of a 6 x 6 box, no rounding of a continuous law in between.
  const Value one = Value{.data = 1.0};
  const auto all = boxes(
      recipe_of({{"random_resized_crop", 1, {{"scale", Value{.data = 0.36}}, {"ratio", one}}}}), 10,
      10);
  std::vector<int64_t> places(25);
  for (const Box& b : all) {
    ASSERT_EQ(b.height, 6);
    ASSERT_EQ(b.width, 6);
    ++places[static_cast<size_t>(b.top * 5 + b.left)];
  }
  expect_uniform(places);
}

TEST(Laws, CropFallsBackToTheMiddle) {
  // No box of that area and ratio fits into a strip.
  const auto all =
      boxes(recipe_of({{"random_resized_crop", 1, {{"scale", Value{.data = 1.0}}}}}), 30, 300);
  for (const Box& b : all) EXPECT_EQ(b, (Box{0, 130, 30, 40}));
}

TEST(Laws, OperationsAreAppliedWithTheirProbability) {
  const ViewMaker maker(recipe_of({{"resize"}, {"hflip", 0.3}, {"invert", 0.7}}, 2), 1,
                        PixelType::u8);
  const uint8_t pixels[4] = {10, 20, 30, 40};
  const ImageView image{reinterpret_cast<const std::byte*>(pixels), 2, 2, 1, PixelType::u8, 2};
  ViewScratch scratch;
  int64_t flipped = 0, inverted = 0, both = 0;
  for (uint64_t i = 0; i < kSamples; ++i) {
    const ViewTrace trace = maker.make_pixels(image, {.sample = i}, 0, scratch);
    const int first = scratch.image.row<uint8_t>(0)[0];
    EXPECT_EQ(trace.hflip, first == 20 || first == 235);
    flipped += trace.hflip;
    inverted += first > 200;
    both += trace.hflip && first > 200;
  }
  const auto near = [](int64_t n, double p) {
    return std::abs(static_cast<double>(n) - kSamples * p) < 4 * std::sqrt(kSamples * p * (1 - p));
  };
  EXPECT_TRUE(near(flipped, 0.3)) << flipped;
  EXPECT_TRUE(near(inverted, 0.7)) << inverted;
  EXPECT_TRUE(near(both, 0.21)) << both;
}

// The view of one pixel after the four operations in a given order, with given factors.
std::array<uint8_t, 6> jittered(const std::array<int, 4>& order, const std::array<double, 4>& by,
                                const ImageView& image) {
  Image out;
  brightness(image, 1.0, out);
  for (const int step : order) {
    const double f = by[static_cast<size_t>(step)];
    if (step == 0) brightness(out.view(), f, out);
    if (step == 1) contrast(out.view(), f, out);
    if (step == 2) saturation(out.view(), f, out);
    if (step == 3) hue(out.view(), f, out);
  }
  std::array<uint8_t, 6> pixels;
  std::copy_n(out.row<uint8_t>(0), 6, pixels.begin());
  return pixels;
}

// The law of torchvision's ColorJitter: a permutation, then the four factors.
TEST(Laws, JitterOrdersAreUniformAndFactorsFollow) {
  const ViewMaker maker(recipe_of({{"resize"}, {"color_jitter"}}, 2), 3, PixelType::u8);
  const uint8_t pixels[12] = {90, 140, 60, 200, 30, 120, 15, 99, 180, 70, 70, 210};
  const ImageView image{reinterpret_cast<const std::byte*>(pixels), 2, 2, 3, PixelType::u8, 6};
  ViewScratch scratch;
  std::vector<int64_t> orders(24);
  Histogram bright(0.2, 1.8, 20), hues(-0.2, 0.2, 20);
  for (uint64_t i = 0; i < kSamples; ++i) {
    const DrawKey key{.seed = 3, .sample = i};
    maker.make_pixels(image, key, 0, scratch);
    Draws draws(key);
    draws.chance(1.0);
    std::array<int, 4> order{0, 1, 2, 3};
    for (int64_t k = 3; k > 0; --k) {
      std::swap(order[static_cast<size_t>(k)], order[static_cast<size_t>(draws.below(k + 1))]);
    }
    const double b = draws.uniform(0.2, 1.8), c = draws.uniform(0.2, 1.8);
    const double s = draws.uniform(0.2, 1.8), h = draws.uniform(-0.2, 0.2);
    const auto want = jittered(order, {b, c, s, h}, image);
    ASSERT_TRUE(std::equal(want.begin(), want.end(), scratch.image.row<uint8_t>(0))) << i;
    size_t index = 0;  // rank of the permutation
    for (size_t k = 0; k < 4; ++k) {
      size_t smaller = 0;
      for (size_t j = k + 1; j < 4; ++j) smaller += order[j] < order[k];
      index = index * (4 - k) + smaller;
    }
    ++orders[index];
    bright.add(b);
    hues.add(h);
  }
  expect_uniform(orders);
  expect_uniform(bright.counts());
  expect_uniform(hues.counts());
}

TEST(Laws, EraseCoversTheAreaAsked) {
  const ViewMaker maker(recipe_of({{"resize"}, {"erase", 1, {{"value", Value{.data = 1.0}}}}}, 60),
                        1, PixelType::u8);
  Image black(60, 60, 1);
  std::fill_n(black.row<uint8_t>(0), 3600, uint8_t{0});
  ViewScratch scratch;
  double sum = 0;
  for (uint64_t i = 0; i < 3000; ++i) {
    maker.make_pixels(black.view(), {.sample = i}, 0, scratch);
    const uint8_t* p = scratch.image.row<uint8_t>(0);
    const auto white = static_cast<double>(std::count(p, p + 3600, uint8_t{255}));
    EXPECT_GE(white, 3600 * 0.015);
    EXPECT_LE(white, 3600 * 0.34);
    sum += white / 3600;
  }
  EXPECT_NEAR(sum / 3000, 0.175, 0.01);
}

}  // namespace
}  // namespace vistas::vision
