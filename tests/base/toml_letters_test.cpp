// Letters outside ASCII in every place of a TOML file.
#include <gtest/gtest.h>

#include "vistas/base/error.h"
#include "vistas/base/value.h"

namespace vistas {
namespace {

TEST(TomlLetters, InTextsAndCommentsTheyAreKept) {
  const Value v = parse_toml("# \xC3\xA9\na = \"\xCE\xA6\"\nb = \"\"\"\\\n  \xC2\xA7\"\"\"\n", "x");
  EXPECT_EQ(std::get<std::string>(v.table().at("a").data), "\xCE\xA6");
  EXPECT_EQ(std::get<std::string>(v.table().at("b").data), "\xC2\xA7");
}

TEST(TomlLetters, ElsewhereTheyAreErrors) {
  for (const char* text : {"\xCE\xA6 = 1", "a = 1\xCE\xA6", "a = 1979-05-27\xC6\xA4", "\xC2\xA7"}) {
    EXPECT_THROW(parse_toml(text, "x"), Error) << text;
  }
}

}  // namespace
}  // namespace vistas
