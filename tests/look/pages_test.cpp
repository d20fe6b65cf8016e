#include <gtest/gtest.h>

#include <cmath>

#include "vistas/base/error.h"
#include "vistas/look/curve.h"
#include "vistas/look/gallery.h"
#include "vistas/look/html.h"

namespace vistas::look {
namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Html, EscapesText) {
  EXPECT_EQ(escape_html("<a href=\"x\">&'ö\xff"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;ö\uFFFD");
  EXPECT_EQ(link_of_path("my photos/ö#1?.jpg"), "my%20photos/%C3%B6%231%3F.jpg");
  EXPECT_EQ(link_of_path("javascript:alert(1)"), "javascript%3Aalert%281%29");
}

TEST(Html, Base64OfRfc4648) {
  const char* pairs[][2] = {{"", ""},
                            {"f", "Zg=="},
                            {"fo", "Zm8="},
                            {"foo", "Zm9v"},
                            {"foob", "Zm9vYg=="},
                            {"fooba", "Zm9vYmE="},
                            {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : pairs) EXPECT_EQ(base64(plain), coded);
}

TEST(Html, DataUriTellsTheType) {
  EXPECT_TRUE(data_uri("\x89PNG\r\n", "a").starts_with("data:image/png;base64,"));
  EXPECT_TRUE(data_uri("\xFF\xD8\xFF\xE0", "a").starts_with("data:image/jpeg;base64,"));
  EXPECT_TRUE(data_uri("RIFF1234WEBPVP8 ", "a").starts_with("data:image/webp;base64,"));
  try {
    data_uri("II*", "scan.tif");
    FAIL();
  } catch (const Error& e) {
    EXPECT_TRUE(has(e.what(), "scan.tif")) << e.what();
  }
}

TEST(Gallery, IsSelfContainedAndEscaped) {
  const std::string page =
      gallery_page("Nearest <photos>", "resnet18 & friends",
                   {{{.path = "a b/\"q\".png", .bytes = "\x89PNG\r\n", .label = "<b>cat</b>"},
                     {{.path = "c/1.jpg", .label = "cat", .score = 0.98765, .right = true},
                      {.path = "d/2.jpg", .label = "dog", .score = 0.5, .right = false}}}});
  EXPECT_TRUE(has(page, "<title>Nearest &lt;photos&gt;</title>"));
  EXPECT_TRUE(has(page, "resnet18 &amp; friends"));
  EXPECT_TRUE(has(page, "&lt;b&gt;cat&lt;/b&gt;"));
  EXPECT_TRUE(has(page, "src=\"data:image/png;base64,iVBORw0K\""));
  EXPECT_TRUE(has(page, "alt=\"a b/&quot;q&quot;.png\""));
  EXPECT_TRUE(has(page, "<b>0.988</b>"));
  EXPECT_TRUE(has(page, "neighbour right") && has(page, "neighbour wrong"));
  for (const char* outside : {"http:", "https:", "<link", "@import", "url("}) {
    EXPECT_FALSE(has(page, outside)) << outside;
  }
}

TEST(Gallery, NotesStandAboveThePictures) {
  const std::string page =
      gallery_page("a", "b", {{{.path = "q.png"}, {}}},
                   {.warnings = {"x < y"}, .table = {{"name", "p"}, {"crop & flip", "0.5"}}});
  EXPECT_TRUE(has(page, "<p class=\"warning\">x &lt; y</p>"));
  EXPECT_TRUE(has(page, "<tr><th>name</th><th>p</th></tr>\n<tr><td>crop &amp; flip</td>"));
  EXPECT_LT(page.find("</table>"), page.find("<section>"));
  EXPECT_FALSE(has(gallery_page("a", "b", {}), "<table>"));
}

TEST(Curve, DrawsAPanelEach) {
  const std::string svg =
      curves_svg("run <a>", {{"loss", {0, 100, 200}, {5, 4, 3.25}}, {"kNN", {0, 200}, {32.5, 45}}});
  EXPECT_TRUE(has(svg, "run &lt;a&gt;"));
  EXPECT_TRUE(has(svg, ">3.25</text>") && has(svg, ">45</text>"));
  EXPECT_TRUE(has(svg, "M62.0 64.0L376.0"));  // the first loss is the highest point of its panel
  EXPECT_FALSE(has(svg, "nan") || has(svg, "inf"));
}

TEST(Curve, GapsOneValueAndNone) {
  const double nan = std::nan("");
  const std::string svg = curves_svg("t", {{"gap", {0, 1, 2, 3}, {1, nan, 2, 3}},
                                           {"one", {2}, {7}},
                                           {"none", {}, {}},
                                           {"all gaps", {1}, {nan}}});
  EXPECT_FALSE(has(svg, "nan") || has(svg, "inf"));
  EXPECT_EQ(svg.find("L"), svg.rfind("L"));  // four points, one gap: a single line piece
  EXPECT_TRUE(has(curves_svg("empty", {}), "</svg>"));
  EXPECT_THROW(curves_svg("t", {{"bad", {1, 2}, {1}}}), Error);
}

}  // namespace
}  // namespace vistas::look
