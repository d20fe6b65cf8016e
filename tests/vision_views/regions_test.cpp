#include "vistas/vision/views/regions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include "vistas/base/random.h"

namespace vistas::vision {
namespace {

// A picture of `colours`, one a column of equal width.
Image striped(int height, int width, const std::vector<std::array<uint8_t, 3>>& colours) {
  Image image(height, width, 3);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const auto& colour =
          colours[static_cast<size_t>(x) * colours.size() / static_cast<size_t>(width)];
      std::copy(colour.begin(), colour.end(), image.row<uint8_t>(y) + 3 * x);
    }
  }
  return image;
}

uint8_t at(const RegionMap& map, int y, int x) {
  return map.labels[static_cast<size_t>(y * map.width + x)];
}

size_t count(const RegionMap& map) {
  return std::set<uint8_t>(map.labels.begin(), map.labels.end()).size();
}

TEST(Regions, OneColourIsOneRegion) {
  const RegionMap map = find_regions(striped(30, 40, {{10, 200, 30}}).view(), {});
  EXPECT_EQ(map.height, 30);
  EXPECT_EQ(map.width, 40);
  EXPECT_EQ(count(map), 1u);
}

TEST(Regions, ColoursFarApartAreTwoRegionsNumberedBySize) {
  // The right three quarters are the larger region.
  const Image image = striped(40, 40, {{255, 0, 0}, {0, 0, 255}, {0, 0, 255}, {0, 0, 255}});
  RegionOptions options;
  options.sigma = 0;
  options.scale = 50;
  const RegionMap map = find_regions(image.view(), options);
  EXPECT_EQ(count(map), 2u);
  for (int y = 0; y < 40; ++y) {
    for (int x = 0; x < 40; ++x) EXPECT_EQ(at(map, y, x), x < 10 ? 1 : 0);
  }
}

TEST(Regions, ALargerScaleMakesFewer) {
  Image image(48, 48, 3);
  Draws draws(DrawKey{1});
  for (size_t i = 0; i < image.size_bytes(); ++i) {
    image.row<uint8_t>(0)[i] = static_cast<uint8_t>(draws.below(256));
  }
  RegionOptions fine, coarse;
  fine.scale = 20;
  coarse.scale = 2000;
  EXPECT_GT(count(find_regions(image.view(), fine)), count(find_regions(image.view(), coarse)));
}

TEST(Regions, SmallOnesJoinANeighbour) {
  Image image = striped(40, 40, {{0, 0, 0}});
  for (int c = 0; c < 3; ++c) image.row<uint8_t>(20)[3 * 20 + c] = 255;
  RegionOptions options;
  options.sigma = 0;
  options.scale = 10;
  options.min_share = 0;
  EXPECT_EQ(count(find_regions(image.view(), options)), 2u);
  options.min_share = 0.005;  // eight cells
  EXPECT_EQ(count(find_regions(image.view(), options)), 1u);
}

TEST(Regions, OfLargePicturesAreFoundOnFewerCells) {
  const RegionMap map = find_regions(striped(300, 600, {{255, 255, 255}, {0, 0, 0}}).view(), {});
  EXPECT_EQ(map.height, 48);
  EXPECT_EQ(map.width, 96);
  EXPECT_NE(at(map, 20, 10), at(map, 20, 90));
}

TEST(Regions, GreyAndDeepPicturesGiveTheSame) {
  const Image rgb = striped(40, 40, {{200, 200, 200}, {30, 30, 30}});
  Image deep(40, 40, 1, PixelType::u16);
  for (int y = 0; y < 40; ++y) {
    for (int x = 0; x < 40; ++x) {
      deep.row<uint16_t>(y)[x] = static_cast<uint16_t>(257 * rgb.row<uint8_t>(y)[3 * x]);
    }
  }
  RegionOptions options;
  options.scale = 300;
  EXPECT_EQ(find_regions(rgb.view(), options).labels, find_regions(deep.view(), options).labels);
}

}  // namespace
}  // namespace vistas::vision
