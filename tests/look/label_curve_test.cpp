#include "vistas/look/label_curve.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace vistas::look {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

size_t count(const std::string& text, const std::string& part) {
  size_t out = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++out;
  return out;
}

// What stands between "<" and ">", tag by tag.
std::vector<std::string> tags(const std::string& svg) {
  std::vector<std::string> out;
  for (size_t at = 0; (at = svg.find('<', at)) != std::string::npos;) {
    const size_t end = svg.find('>', at);
    out.push_back(svg.substr(at + 1, end - at - 1));
    at = end;
  }
  return out;
}

// Of an attribute; NaN if the tag has none of that name.
double number_in(const std::string& tag, const std::string& name) {
  const size_t at = tag.find(" " + name + "=\"");
  return at == std::string::npos ? kNone : std::stod(tag.substr(at + name.size() + 3));
}

// Every tag is closed in order, and no value is missing.
void expect_whole(const std::string& svg) {
  std::vector<std::string> open;
  for (const std::string& tag : tags(svg)) {
    EXPECT_EQ(tag.find('<'), std::string::npos) << tag;
    EXPECT_EQ(count(tag, "\"") % 2, 0u) << tag;
    EXPECT_EQ(count(tag, "=\""), count(tag, "\"") / 2) << tag;
    if (tag.starts_with("/")) {
      ASSERT_FALSE(open.empty());
      EXPECT_EQ("/" + open.back(), tag);
      open.pop_back();
    } else if (!tag.ends_with("/")) {
      open.push_back(tag.substr(0, tag.find(' ')));
    }
  }
  EXPECT_TRUE(open.empty());
  EXPECT_EQ(count(svg, "<"), count(svg, ">"));
  EXPECT_FALSE(has(svg, "nan") || has(svg, "inf"));
}

struct Mark {
  double x, y;
};
std::vector<Mark> marks(const std::string& svg) {
  std::vector<Mark> out;
  for (const std::string& tag : tags(svg)) {
    if (tag.starts_with("circle ")) out.push_back({number_in(tag, "cx"), number_in(tag, "cy")});
  }
  return out;
}

TEST(LabelCurve, PointsStandWhereTheirValuesAre) {
  const std::string svg = label_curve_svg({.title = "few labels",
                                           .score = "top-1 (%)",
                                           .shares = true,
                                           .lines = {{"ours",
                                                      {{0.1, 60, 55, 65},
                                                       {0.01, 40, 30, 45},  // any order
                                                       {1, 80, 75, 80}}}}});
  expect_whole(svg);
  const auto at = marks(svg);
  ASSERT_EQ(at.size(), 3u);
  // Inside of the axes 550 x 268, widened by 4 % of the labels and 5 % of 30 .. 80.
  EXPECT_NEAR(at[0].x, 66 + 550 * 0.08 / 2.16, 0.06);
  EXPECT_NEAR(at[1].x, 66 + 550 * 1.08 / 2.16, 0.06);
  EXPECT_NEAR(at[2].x, 66 + 550 * 2.08 / 2.16, 0.06);
  EXPECT_NEAR(at[0].y, 342 - 268 * 12.5 / 55, 0.06);
  EXPECT_NEAR(at[1].y, 342 - 268 * 32.5 / 55, 0.06);
  EXPECT_NEAR(at[2].y, 342 - 268 * 52.5 / 55, 0.06);
  EXPECT_TRUE(has(svg, ">1 %</text>") && has(svg, ">10 %</text>") && has(svg, ">100 %</text>"));
  EXPECT_TRUE(has(svg, ">40</text>") && has(svg, ">60</text>") && has(svg, ">80</text>"));
  EXPECT_TRUE(has(svg, ">top-1 (%)</text>") && has(svg, ">share of labels</text>"));
  EXPECT_TRUE(has(svg, "<title>ours: 40 at 1 %</title>"));
  // The band goes along the high ends and back along the low ones.
  EXPECT_TRUE(has(svg,
                  "class=\"s0 band\" d=\"M86.4 256.7L341.0 159.3L595.6 86.2L595.6 110.5"
                  "L341.0 208.0L86.4 329.8Z\""));
  EXPECT_TRUE(has(svg, "viewBox=\"0 0 640 400\""));
}

TEST(LabelCurve, ALineAndALegendEntryForEachModel) {
  LabelCurve curve{.title = "t", .score = "s", .lines = {}};
  for (int i = 0; i < 10; ++i) {
    const double y = 10.0 * i;
    curve.lines.push_back({"model " + std::to_string(i), {{10, y, y - 1, y + 1}, {2000, y, y, y}}});
  }
  const std::string svg = label_curve_svg(curve);
  expect_whole(svg);
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(has(svg, ">model " + std::to_string(i) + "</text>"));
  }
  EXPECT_EQ(count(svg, " band\""), 10u);
  EXPECT_EQ(count(svg, " line\" d="), 20u);
  EXPECT_EQ(count(svg, " again line\" d="), 4u);  // two lines more than colours
  EXPECT_EQ(count(svg, "<circle"), 20u);
  EXPECT_TRUE(has(svg, ">10</text>") && has(svg, ">2,000</text>"));
  EXPECT_TRUE(has(svg, ">number of labels</text>"));
  EXPECT_FALSE(has(svg, "viewBox=\"0 0 640 400\""));  // the legend takes lines of its own
}

TEST(LabelCurve, TextIsEscaped) {
  const std::string svg = label_curve_svg(
      {.title = "<a>", .score = "x & y", .lines = {{"\"m\" <b>", {{1, 1, 1, 1}, {2, 2, 2, 2}}}}});
  expect_whole(svg);
  EXPECT_TRUE(has(svg, ">&lt;a&gt;</text>"));
  EXPECT_TRUE(has(svg, ">x &amp; y</text>"));
  EXPECT_TRUE(has(svg, ">&quot;m&quot; &lt;b&gt;</text>"));
  EXPECT_TRUE(has(svg, "<title>&quot;m&quot; &lt;b&gt;: 1 at 1</title>"));
}

TEST(LabelCurve, WhatIsMissingIsLeftOut) {
  const std::string svg = label_curve_svg({.title = "t",
                                           .score = "s",
                                           .lines = {{"gaps",
                                                      {{1, 5, 4, 6},
                                                       {0, 5, 4, 6},
                                                       {-1, 5, 4, 6},
                                                       {kNone, 5, 4, 6},
                                                       {10, kNone, 4, 6},
                                                       {100, 5, kNone, kNone}}},
                                                     {"none", {}}}});
  expect_whole(svg);
  EXPECT_EQ(marks(svg).size(), 2u);
  EXPECT_EQ(count(svg, " band\""), 0u);
  EXPECT_EQ(count(svg, " line\" d="), 2u + 1 + 1);  // legend, line, whisker of the first point
  expect_whole(label_curve_svg({}));
  const std::string one = label_curve_svg({.title = "t", .score = "s", .lines = {{"m", {{5, 1}}}}});
  expect_whole(one);
  EXPECT_NEAR(marks(one).at(0).x, 66 + 550 / 2.0, 0.06);
}

TEST(LabelCurve, LabelsOfTheAxisDoNotOverlap) {
  LabelCurve curve{.title = "t", .score = "s", .lines = {{"m", {}}}};
  for (int i = 1; i <= 200; ++i) curve.lines[0].points.push_back({double(i), 1, 1, 1});
  const std::string svg = label_curve_svg(curve);
  std::vector<double> xs;
  for (const std::string& tag : tags(svg)) {
    if (tag.starts_with("text ") && has(tag, "y=\"360.0\"")) xs.push_back(number_in(tag, "x"));
  }
  ASSERT_GT(xs.size(), 5u);
  for (size_t i = 1; i < xs.size(); ++i) EXPECT_GE(xs[i] - xs[i - 1], 43.9);
}

}  // namespace
}  // namespace vistas::look
