#include "vistas/look/heat.h"

#include <gtest/gtest.h>

#include <array>

#include "vistas/base/error.h"

namespace vistas::look {
namespace {

std::array<int, 3> pixel(const vision::Image& image, int y, int x) {
  const uint8_t* p = image.row<uint8_t>(y) + 3 * x;
  return {p[0], p[1], p[2]};
}

vision::Image grey(int height, int width, uint8_t value) {
  vision::Image image(height, width, 1);
  for (int y = 0; y < height; ++y) std::fill_n(image.row<uint8_t>(y), width, value);
  return image;
}

TEST(Heat, ColdIsDarkBlueAndHotYellow) {
  const std::array<float, 2> values = {0, 1};
  const auto drawn = draw_heat(grey(10, 40, 100).view(), values, 1, 2, 0, 1, 1);
  EXPECT_EQ(pixel(drawn, 3, 0), (std::array{13, 8, 135}));
  EXPECT_EQ(pixel(drawn, 3, 39), (std::array{240, 249, 33}));
  // The middle of five colours half-way between the middles of both cells.
  const auto middle = pixel(drawn, 3, 20);
  EXPECT_NEAR(middle[0], 204, 8);
  EXPECT_NEAR(middle[1], 71, 8);
}

TEST(Heat, ValuesBeyondTheRangeAreItsEnds) {
  const std::array<float, 4> values = {-5, 7, -5, 7};
  const auto drawn = draw_heat(grey(8, 8, 0).view(), values, 2, 2, 0, 1, 1);
  EXPECT_EQ(pixel(drawn, 0, 0), (std::array{13, 8, 135}));
  EXPECT_EQ(pixel(drawn, 7, 7), (std::array{240, 249, 33}));
}

TEST(Heat, OpacityLetsThePictureThrough) {
  const std::array<float, 1> values = {1};
  EXPECT_EQ(pixel(draw_heat(grey(4, 4, 100).view(), values, 1, 1, 0, 1, 0), 1, 1),
            (std::array{100, 100, 100}));
  EXPECT_EQ(pixel(draw_heat(grey(4, 4, 100).view(), values, 1, 1, 0, 1, 0.5), 1, 1),
            (std::array{170, 175, 67}));
}

TEST(Heat, RefusesOtherNumbersOfValues) {
  const std::array<float, 3> values{};
  EXPECT_THROW(draw_heat(grey(4, 4, 0).view(), values, 2, 2, 0, 1), Error);
}

}  // namespace
}  // namespace vistas::look
