// Sentences and paragraphs of documents.
#include "vistas/text/views/segments.h"

#include <gtest/gtest.h>

#include <string>

namespace vistas::text {
namespace {

using Parts = std::vector<std::string_view>;

TEST(Sentences, EndWithAMarkBeforeWhatMayBeginOne) {
  EXPECT_EQ(sentences_of("It was good. Was it? Yes! 3 of 4 agree."),
            (Parts{"It was good.", "Was it?", "Yes!", "3 of 4 agree."}));
  EXPECT_EQ(sentences_of("version 2.5 of vistas.h. and so on"),
            (Parts{"version 2.5 of vistas.h. and so on"}));
  EXPECT_EQ(sentences_of("He said \"Go away!\" Then he left... (Really?) No."),
            (Parts{"He said \"Go away!\"", "Then he left...", "(Really?)", "No."}));
}

TEST(Sentences, AbbreviationsAndInitialsEndNone) {
  EXPECT_EQ(sentences_of("Mr. J. Smith met Dr. Who. They talked, e.g. About St. Paul."),
            (Parts{"Mr. J. Smith met Dr. Who.", "They talked, e.g. About St. Paul."}));
}

TEST(Sentences, OfScriptsWithoutSpacesNeedNone) {
  EXPECT_EQ(sentences_of("今日は。元気ですか？はい"), (Parts{"今日は。", "元気ですか？", "はい"}));
  EXPECT_EQ(sentences_of("Ça va? Été. 今日 is a word."),
            (Parts{"Ça va?", "Été.", "今日 is a word."}));
}

TEST(Sentences, AreNeverWithoutAWord) {
  EXPECT_EQ(sentences_of(""), Parts{});
  EXPECT_EQ(sentences_of(" ... !? \n\n -- "), Parts{});
  EXPECT_EQ(sentences_of("A title\n*****\nText. \xFF\xFE"), (Parts{"A title", "Text."}));
}

TEST(Paragraphs, AreWhatLineBreaksPart) {
  EXPECT_EQ(paragraphs_of("One. Two.\r\n\r\n  Three <br /><br />Four<br>Five"),
            (Parts{"One. Two.", "Three", "Four", "Five"}));
  EXPECT_EQ(paragraphs_of("one line"), (Parts{"one line"}));
  EXPECT_EQ(paragraphs_of("\n\n"), Parts{});
}

}  // namespace
}  // namespace vistas::text
