#include "vistas/look/ranking_plot.h"

#include <gtest/gtest.h>

#include <limits>

namespace vistas::look {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

size_t count(const std::string& text, const std::string& part) {
  size_t out = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++out;
  return out;
}

// Where the mark of a row stands.
double x_of(const std::string& svg, const std::string& name) {
  const size_t title = svg.find("<title>" + name + ":");
  const size_t at = svg.rfind("cx=\"", title);
  return title == std::string::npos ? kNone : std::stod(svg.substr(at + 4));
}

TEST(RankingSvg, MarksLieOnOneAxis) {
  const std::string svg = ranking_svg({"a < b",
                                       "kNN (%)",
                                       {{"with x", 50, 45, 55},
                                        {"all", 40, kNone, kNone, true},
                                        {"without <y>", 30, 29, 31},
                                        {"nothing", kNone, kNone, kNone}}});
  EXPECT_EQ(count(svg, "<circle"), 3u);
  EXPECT_EQ(count(svg, "<path"), 2u);
  EXPECT_EQ(count(svg, "class=\"level\""), 1u);
  const double low = x_of(svg, "without &lt;y&gt;"), middle = x_of(svg, "all"),
               high = x_of(svg, "with x");
  EXPECT_GT(middle, low);
  EXPECT_NEAR(high - middle, middle - low, 0.11);  // 50 - 40 = 40 - 30, rounded to tenths
  EXPECT_NE(svg.find("a &lt; b"), std::string::npos);
  EXPECT_NE(svg.find(">nothing</text>"), std::string::npos);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("<y>"), std::string::npos);
}

TEST(RankingSvg, OneValueAndNone) {
  for (const std::string& svg :
       {ranking_svg({"t", "s", {}}), ranking_svg({"t", "s", {{"a", 1, 1, 1}}})}) {
    EXPECT_EQ(svg.find("nan"), std::string::npos);
    EXPECT_NE(svg.find("</svg>"), std::string::npos);
  }
}

}  // namespace
}  // namespace vistas::look
