#include "vistas/look/grid.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "vistas/base/error.h"

namespace vistas::look {
namespace {

using vision::Image;
using vision::PixelType;

Image solid(int height, int width, std::vector<uint8_t> pixel) {
  Image image(height, width, static_cast<int>(pixel.size()));
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width * image.channels(); ++x) {
      image.row<uint8_t>(y)[x] = pixel[static_cast<size_t>(x) % pixel.size()];
    }
  }
  return image;
}

std::vector<int> pixel(const Image& image, int y, int x) {
  const uint8_t* p = image.row<uint8_t>(y) + 3 * x;
  return {p[0], p[1], p[2]};
}

// A single picture in a cell of 8 with a gap of 4: its cell begins at (4, 4).
Image alone(const vision::ImageView& view, GridOptions options = {.cell = 8, .gap = 4}) {
  options.background = {9, 9, 9};
  const GridCell cell = {view};
  return compose_grid({&cell, 1}, options);
}

TEST(Grid, EnlargesByRepeatingPixels) {
  Image image(2, 2, 1);
  for (int i = 0; i < 4; ++i) image.row<uint8_t>(i / 2)[i % 2] = static_cast<uint8_t>(50 * i);
  const Image sheet = alone(image.view());
  EXPECT_EQ(sheet.height(), 16);
  EXPECT_EQ(sheet.width(), 16);
  for (int y = 0; y < 8; ++y) {
    for (int x = 0; x < 8; ++x) {
      const int want = 50 * (y / 4 * 2 + x / 4);
      EXPECT_EQ(pixel(sheet, 4 + y, 4 + x), (std::vector<int>{want, want, want}));
    }
  }
  EXPECT_EQ(pixel(sheet, 3, 3), (std::vector<int>{9, 9, 9}));
  EXPECT_EQ(pixel(sheet, 12, 12), (std::vector<int>{9, 9, 9}));
}

TEST(Grid, AveragesDownAndKeepsTheShape) {
  Image image(16, 32, 1);
  for (int y = 0; y < 16; ++y) {
    for (int x = 0; x < 32; ++x) image.row<uint8_t>(y)[x] = static_cast<uint8_t>((x + y) % 2 * 200);
  }
  const Image sheet = alone(image.view());
  EXPECT_EQ(pixel(sheet, 6, 4), (std::vector<int>{100, 100, 100}));  // rows 6 .. 9 of the sheet
  EXPECT_EQ(pixel(sheet, 9, 11), (std::vector<int>{100, 100, 100}));
  EXPECT_EQ(pixel(sheet, 5, 8), (std::vector<int>{9, 9, 9}));
  EXPECT_EQ(pixel(sheet, 10, 8), (std::vector<int>{9, 9, 9}));
}

TEST(Grid, TakesEveryTypeAndChannelCount) {
  EXPECT_EQ(pixel(alone(solid(8, 8, {1, 2, 3}).view()), 8, 8), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(pixel(alone(solid(8, 8, {1, 2, 3, 77, 5}).view()), 8, 8), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(pixel(alone(solid(8, 8, {200, 0}).view()), 8, 8), (std::vector<int>{9, 9, 9}));
  EXPECT_EQ(pixel(alone(solid(8, 8, {200, 100, 50, 255}).view()), 8, 8),
            (std::vector<int>{200, 100, 50}));
  Image deep(1, 1, 1, PixelType::u16);
  deep.row<uint16_t>(0)[0] = 65535;
  EXPECT_EQ(pixel(alone(deep.view()), 8, 8), (std::vector<int>{255, 255, 255}));
  Image real(1, 1, 3, PixelType::f32);
  real.row<float>(0)[0] = 0.5f;
  real.row<float>(0)[1] = 7;
  real.row<float>(0)[2] = std::nanf("");
  EXPECT_EQ(pixel(alone(real.view()), 8, 8), (std::vector<int>{128, 255, 0}));
}

TEST(Grid, CaptionsTitlesAndFramesLeaveInk) {
  const Image image = solid(32, 32, {255, 0, 0});
  const auto dark = [](const Image& sheet, int top, int bottom) {
    int count = 0;
    for (int y = top; y < bottom; ++y) {
      for (int x = 0; x < sheet.width(); ++x)
        count += pixel(sheet, y, x) == std::vector<int>{0, 0, 0};
    }
    return count;
  };
  GridOptions options = {.cell = 32, .gap = 4, .background = {255, 255, 255}, .ink = {0, 0, 0}};
  std::vector<GridCell> cells = {
      {image.view(), "ABCDEFGHIJ"}, {image.view(), "", kRight}, {{}, "é"}};
  const Image sheet = compose_grid(cells, options);
  EXPECT_EQ(sheet.width(), 4 + 32 + 4 + 32 + 4);
  EXPECT_EQ(sheet.height(), 2 * (4 + 32 + 16) + 4);
  EXPECT_GT(dark(sheet, 36, 52), 10);  // the caption, cut to five letters
  EXPECT_GT(dark(sheet, 88, 106), 5);  // one question mark below the empty cell
  EXPECT_EQ(pixel(sheet, 4 - 2, 40 + 5), (std::vector<int>{34, 139, 84}));
  options.title = std::string(1, 'T');
  EXPECT_EQ(dark(compose_grid(cells, options), 0, 13), 11);  // a bar of five and a stem of six
}

TEST(Grid, ExtremeShapesAndSizes) {
  const Image line = solid(1, 5000, {10, 20, 30}), dot = solid(1, 1, {10, 20, 30});
  EXPECT_EQ(pixel(alone(line.view()), 7, 4), (std::vector<int>{10, 20, 30}));
  EXPECT_EQ(pixel(alone(dot.view()), 11, 11), (std::vector<int>{10, 20, 30}));
  EXPECT_THROW(compose_grid({}, {}), Error);
  const GridCell cell = {dot.view()};
  EXPECT_THROW(compose_grid({&cell, 1}, {.cell = 0}), Error);
}

}  // namespace
}  // namespace vistas::look
