#include "vistas/base/text_input.h"

#include <gtest/gtest.h>

#include "support/errors.h"
#include "support/temp_folder.h"
#include "vistas/base/strings.h"

namespace vistas {
namespace {

TEST(Strings, InvalidUtf8IsFound) {
  EXPECT_EQ(find_invalid_utf8("aé中😀\U0010FFFF"), std::string_view::npos);
  for (const char* bad :
       {"\x80", "\xC1\x80", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80", "\xC3", "\xE4\xB8", "\xC3(", "\xFF"}) {
    EXPECT_EQ(find_invalid_utf8(std::string("aé") + bad), 3u) << bad;
  }
}

TEST(Strings, LowerCase) {
  EXPECT_EQ(ascii_lower("User_ID É"), "user_id É");
}

TEST(TextInput, BadLinesNameTheFirstTen) {
  BadLines bad;
  EXPECT_EQ(bad.summary(), "");
  bad.add("a: line 1: x");
  EXPECT_EQ(bad.summary(), "1 line was left out:\n  a: line 1: x");
  for (int i = 0; i < 11; ++i) bad.add("b");
  EXPECT_EQ(bad.count, 12);
  EXPECT_EQ(bad.first.size(), 10u);
  EXPECT_TRUE(bad.summary().ends_with("\n  ..."));
}

TEST(TextInput, MarksAndNames) {
  const test::TempFolder folder;
  const MappedFile file = map_text_file(folder.write("a.CSV", "\xEF\xBB\xBFtext"));
  EXPECT_EQ(text_of(file), "text");
  EXPECT_EQ(text_extension("b/a.CSV.gz"), ".csv");
  EXPECT_EQ(text_extension("a"), "");
  test::expect_error([&] { map_text_file(folder.path()); }, "got no file");
}

}  // namespace
}  // namespace vistas
