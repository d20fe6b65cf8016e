// Boxes and masks on pictures.
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <tuple>
#include <vector>

#include "vistas/base/error.h"
#include "vistas/look/boxes.h"
#include "vistas/look/canvas.h"
#include "vistas/look/masks.h"

namespace vistas::look {
namespace {

using vision::Image;

constexpr Colour kGrey = {100, 100, 100};

Image grey(int height, int width) {
  return Canvas(height, width, kGrey).take();
}

Colour at(const Image& image, int y, int x) {
  const uint8_t* p = image.row<uint8_t>(y) + 3 * x;
  return {p[0], p[1], p[2]};
}

int count(const Image& image, const Colour& colour, int top = 0, int bottom = -1) {
  int out = 0;
  for (int y = top; y < (bottom < 0 ? image.height() : bottom); ++y) {
    for (int x = 0; x < image.width(); ++x) out += at(image, y, x) == colour;
  }
  return out;
}

TEST(Palette, ColoursDifferAndRepeat) {
  std::set<std::tuple<int, int, int>> colours;
  for (int i = 0; i < kPaletteSize; ++i) {
    const Colour c = class_colour(i);
    colours.insert({c.red, c.green, c.blue});
    EXPECT_EQ(class_colour(i + 3 * kPaletteSize), c);
    EXPECT_FALSE(c == kPaper || c == kInk);
  }
  EXPECT_EQ(colours.size(), size_t{kPaletteSize});
  EXPECT_EQ(class_colour(-1), class_colour(-7));
  EXPECT_EQ(letters_on({255, 255, 0}), kInk);
  EXPECT_EQ(letters_on({0, 0, 200}), kPaper);
}

TEST(Canvas, CutsOffWhatReachesOverTheEdges) {
  Canvas canvas(4, 6, {1, 2, 3});
  canvas.fill({-5, -5, 7, 7}, {9, 9, 9});
  canvas.fill({3, 5, 100, 100}, {8, 8, 8});
  canvas.fill({2, 7, 1, 1}, {7, 7, 7});
  canvas.write("WWW", -3, -3, 4, {6, 6, 6});
  const Image image = canvas.take();
  EXPECT_EQ(at(image, 1, 1), (Colour{9, 9, 9}));
  EXPECT_EQ(at(image, 3, 5), (Colour{8, 8, 8}));
  EXPECT_EQ(at(image, 2, 5), (Colour{1, 2, 3}));
  EXPECT_EQ(count(image, {7, 7, 7}), 0);
}

TEST(Boxes, OutlineAndTag) {
  const std::vector<std::string> names = {"cat", "dog"};
  const std::vector<DrawnBox> boxes = {{20, 40, 60, 70, 1, 0.873}};
  const Image image = draw_boxes(grey(100, 120).view(), boxes, names);
  EXPECT_EQ(image.height(), 100);
  EXPECT_EQ(image.width(), 120);
  const Colour dog = class_colour(1);
  for (int y = 0; y < 100; ++y) {
    for (int x = 0; x < 120; ++x) {
      const bool tag = y >= 27 && y < 40 && x >= 20 && x < 20 + 6 * 8 - 1 + 4;  // "dog 87 %"
      const bool within = y >= 40 && y < 70 && x >= 20 && x < 60;
      const bool line = within && (y == 40 || y == 69 || x == 20 || x == 59);
      if (line) {
        EXPECT_EQ(at(image, y, x), dog) << y << ' ' << x;
      } else if (tag) {
        EXPECT_TRUE(at(image, y, x) == dog || at(image, y, x) == letters_on(dog));
      } else {
        EXPECT_EQ(at(image, y, x), kGrey) << y << ' ' << x;
      }
    }
  }
  // Rounded to whole per cent: the same letters.
  const std::vector<DrawnBox> near = {{20, 40, 60, 70, 1, 0.868}};
  EXPECT_EQ(count(draw_boxes(grey(100, 120).view(), near, names), letters_on(dog)),
            count(image, letters_on(dog)));
}

TEST(Boxes, LinesAndLettersGrowWithThePicture) {
  const std::vector<DrawnBox> boxes = {{100, 200, 400, 450, 0}};
  const Image image = draw_boxes(grey(480, 640).view(), boxes);
  const Colour colour = class_colour(0);
  EXPECT_EQ(at(image, 300, 101), colour);
  EXPECT_EQ(at(image, 300, 102), kGrey);
  EXPECT_EQ(at(image, 200 - 26, 100), colour);  // a tag of 2 * (9 + 4) rows
  EXPECT_EQ(at(image, 200 - 27, 100), kGrey);
}

TEST(Boxes, TagsStayWithinThePicture) {
  // In a corner: the tag goes into the box and to the left.
  const std::vector<std::string> names = {"a name longer than the whole picture is wide"};
  const std::vector<std::string> one = {"ab"};
  const std::vector<DrawnBox> corner = {{90, 0, 100, 30, 0}};
  const Image short_name = draw_boxes(grey(60, 100).view(), corner, one);
  const Colour colour = class_colour(0);
  EXPECT_EQ(at(short_name, 0, 100 - (6 * 2 - 1 + 4)), colour);
  EXPECT_EQ(at(short_name, 12, 100 - (6 * 2 - 1 + 4)), colour);
  EXPECT_EQ(at(short_name, 13, 88), kGrey);
  const Image long_name = draw_boxes(grey(60, 100).view(), corner, names);
  EXPECT_EQ(at(long_name, 0, 1), colour);  // 96 pixels of letters less one, and the margins
  EXPECT_GT(count(long_name, letters_on(colour), 0, 13), 100);
  EXPECT_EQ(count(long_name, kGrey, 13, 30), 17 * 90 + 16 * 8);
  // The name is cut, the score is not.
  DrawnBox scored = {90, 0, 100, 30, 0, 0.5};
  const Image half = draw_boxes(grey(60, 100).view(), {&scored, 1}, names);
  scored.score = 0.75;
  const Image more = draw_boxes(grey(60, 100).view(), {&scored, 1}, names);
  EXPECT_NE(count(half, letters_on(colour)), count(more, letters_on(colour)));
  // Smaller than its tag, and at the bottom.
  EXPECT_EQ(draw_boxes(grey(5, 5).view(), corner, names).height(), 5);
  const std::vector<DrawnBox> tall = {{0, 0, 3, 60, 0}};
  EXPECT_EQ(count(draw_boxes(grey(60, 3).view(), tall, names), kGrey), 58 - 12);
}

TEST(Boxes, OfTheBoxesOutsideThePartInside) {
  const auto drawn = [](const DrawnBox& box) {
    const Image image = draw_boxes(grey(50, 50).view(), {&box, 1});
    return 50 * 50 - count(image, kGrey);
  };
  const double nan = std::nan("");
  EXPECT_EQ(drawn({60, 60, 70, 70, 0}), 0);
  EXPECT_EQ(drawn({-20, -20, 0, 0, 0}), 0);
  EXPECT_EQ(drawn({nan, 0, 10, 10, 0}), 0);
  EXPECT_EQ(drawn({30, 30, 20, 40, 0}), 0);
  const int tag = 13 * (6 - 1 + 4);
  EXPECT_EQ(drawn({-1e300, 20, INFINITY, 30, 0}), 2 * 50 + 2 * 8 + tag);
  EXPECT_EQ(drawn({20.1, 20.1, 20.2, 20.2, 0}), 1 + tag);
  EXPECT_EQ(drawn({49.9, 49.9, 49.95, 49.95, 0}), 1 + tag);
}

TEST(Boxes, TheFirstLiesOnTop) {
  const std::vector<DrawnBox> boxes = {{10, 20, 40, 40, 0}, {10, 20, 40, 40, 1}};
  EXPECT_EQ(count(draw_boxes(grey(50, 50).view(), boxes), class_colour(1)), 0);
  EXPECT_EQ(count(draw_boxes(grey(50, 50).view(), {}), kGrey), 50 * 50);
  Image one_channel(1, 1, 1);
  one_channel.row<uint8_t>(0)[0] = 77;
  EXPECT_EQ(at(draw_boxes(one_channel.view(), {}), 0, 0), (Colour{77, 77, 77}));
}

Image mask_of(int height, int width, const std::vector<uint8_t>& values) {
  Image mask(height, width, 1);
  for (int i = 0; i < height * width; ++i) {
    mask.row<uint8_t>(i / width)[i % width] = values[static_cast<size_t>(i)];
  }
  return mask;
}

TEST(Masks, BlendsClassesAndLeavesTheOthers) {
  const Image mask = mask_of(1, 4, {0, 1, 255, 2});
  const Image image = draw_mask(grey(1, 4).view(), mask.view(), {},
                                {.opacity = 0.5, .background = 0, .legend = false});
  EXPECT_EQ(image.height(), 1);
  EXPECT_EQ(at(image, 0, 0), kGrey);
  EXPECT_EQ(at(image, 0, 1), (Colour{65, 105, 165}));  // of 30 110 230
  EXPECT_EQ(at(image, 0, 2), kGrey);
  EXPECT_EQ(at(image, 0, 3), (Colour{73, 135, 80}));  // of 45 170 60, .5 rounded up
}

TEST(Masks, PlainMasksShowTheColoursThemselves) {
  const Image mask = mask_of(1, 4, {0, 1, 255, 200});
  const Image image = paint_mask(mask.view(), {}, {.background = 0, .legend = false});
  EXPECT_EQ(at(image, 0, 0), (Colour{0, 0, 0}));
  EXPECT_EQ(at(image, 0, 1), class_colour(1));
  EXPECT_EQ(at(image, 0, 2), kPaper);
  EXPECT_EQ(at(image, 0, 3), class_colour(200));
}

TEST(Masks, LegendOfTheClassesInTheMask) {
  std::vector<uint8_t> values(100 * 60, 255);
  values[0] = 2;
  values[1] = 0;
  values[2] = 9;
  const Image mask = mask_of(60, 100, values);
  const std::vector<std::string> names = {"sky", "sea", "a road that is wider than the picture"};
  const Image image = draw_mask(grey(60, 100).view(), mask.view(), names);
  // Three lines: "sky", the road cut to the width, "9".
  ASSERT_EQ(image.height(), 60 + 4 + 3 * 13);
  const int left = 4;
  for (const auto& [line, label] : {std::pair{0, 0}, {1, 2}, {2, 9}}) {
    const int top = 60 + 4 + 13 * line;
    EXPECT_EQ(at(image, top, left), class_colour(label));
    EXPECT_EQ(at(image, top + 8, left + 8), class_colour(label));
    EXPECT_EQ(at(image, top + 9, left), kPaper);
    EXPECT_GT(count(image, kInk, top, top + 9), 5);
    for (int y = top; y < top + 13; ++y) EXPECT_EQ(at(image, y, 98), kPaper);
  }
  const Image wide = mask_of(1, 100, {values.begin(), values.begin() + 100});
  const Image on_paper = paint_mask(wide.view(), std::vector<std::string>{"a", "b", "c"});
  EXPECT_EQ(on_paper.height(), 1 + 4 + 13);  // three short names stand in one line
}

TEST(Masks, NothingToShowAndSmallPictures) {
  const Image nothing = mask_of(2, 2, {255, 255, 255, 255});
  EXPECT_EQ(draw_mask(grey(2, 2).view(), nothing.view()).height(), 2);
  EXPECT_EQ(count(draw_mask(grey(2, 2).view(), nothing.view()), kGrey), 4);
  const Image small = mask_of(1, 1, {3});
  EXPECT_EQ(paint_mask(small.view(), std::vector<std::string>{"a"}).width(), 1);
}

TEST(Masks, RefusesWhatDoesNotFit) {
  const Image mask = mask_of(2, 2, {0, 0, 0, 0});
  EXPECT_THROW(draw_mask(grey(2, 3).view(), mask.view()), Error);
  EXPECT_THROW(draw_mask(grey(2, 2).view(), grey(2, 2).view()), Error);
  EXPECT_THROW(paint_mask(Image(2, 2, 1, vision::PixelType::f32).view()), Error);
  EXPECT_THROW(draw_mask(grey(2, 2).view(), mask.view(), {}, {.opacity = 1.5}), Error);
}

}  // namespace
}  // namespace vistas::look
