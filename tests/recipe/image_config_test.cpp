#include "vistas/recipe/image_config.h"

#include <gtest/gtest.h>

#include "vistas/base/error.h"

namespace vistas::recipe {
namespace {

ImageConfig config_of(const std::string& toml) {
  return ImageConfig(parse_toml(toml, "test"));
}

TEST(ImageConfig, ChangesOperationsOfANamedRecipe) {
  ImageConfig plain = config_of("views = {size = 32, strength = 0.5}");
  ImageConfig config =
      config_of("views = {size = 32, strength = 0.5, color_jitter = {p = 0.3, hue = 0.05}}");
  const vision::ViewOp jitter = config.views().views[0].ops[2];
  EXPECT_EQ(jitter.p, 0.3);
  EXPECT_EQ(to_toml(jitter.parameters.at("hue")), "0.05");
  EXPECT_EQ(to_toml(jitter.parameters.at("brightness")), "0.4");  // with the strength
  EXPECT_EQ(plain.tables(), "");
  // What is stored gives the same views again, and takes further changes.
  const std::string stored = config.to_toml();
  EXPECT_EQ(config_of(stored).to_toml(), stored);
  Value again = parse_toml(stored, "stored");
  merge_into(again, parse_assignment("views.color_jitter.p=0.9"));
  const vision::ViewOp changed = ImageConfig(again).views().views[0].ops[2];
  EXPECT_EQ(changed.p, 0.9);
  EXPECT_EQ(to_toml(changed.parameters.at("hue")), "0.05");
}

TEST(ImageConfig, ChangesOperationsOfTables) {
  ImageConfig config = config_of(R"(
view = [{size = 16, count = 2, ops = [{op = "resize"}, {op = "affine", degrees = 5}]}]
views.affine.degrees = 25)");
  const vision::ViewRecipe views = config.views();
  EXPECT_EQ(to_toml(views.views[0].ops[1].parameters.at("degrees")), "25.0");
  EXPECT_EQ(views.view_count(), 2);
}

TEST(ImageConfig, NamesTheNearestOperation) {
  try {
    config_of("views.colour_jitter.p = 0.5");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    const std::string text = error.what();
    for (const char* word : {"test:1", "views.colour_jitter.p", "color_jitter.p"}) {
      EXPECT_NE(text.find(word), std::string::npos) << text;
    }
  }
  EXPECT_THROW(config_of("views.sise = 32"), Error);
}

}  // namespace
}  // namespace vistas::recipe
