#include "vistas/text/tokenizers/token_counts.h"

#include <gtest/gtest.h>

#include "support/temp_folder.h"
#include "vistas/text/tokenizers/load.h"

namespace vistas::text {
namespace {

TEST(TokenCounts, CountWhatATokenizerMakes) {
  const auto tokenizer = read_vocabulary("[PAD]\n[UNK]\n[CLS]\n[SEP]\nab\n##c\n!\n", "", "vocab");
  const test::TempFolder folder;
  const TextFile one(folder.write("1.tsv", "abc\u00a0ab!\t7\t\u00e9 ab\n abcc \t8\tx\n"));
  const TextFile two(folder.write("2.txt", "ab\n"));
  const TextColumns texts[] = {{&one, {0, 2}}, {&two, {0}}};
  const TokenCounts all = count_tokens(*tokenizer, texts, 100);
  EXPECT_EQ(all.texts, 5);
  EXPECT_EQ(all.words, 2 + 2 + 1 + 1 + 1);
  EXPECT_EQ(all.characters, 7 + 4 + 6 + 1 + 2);
  EXPECT_EQ(all.tokens, 4 + 2 + 3 + 1 + 1);
  EXPECT_EQ(all.unknown, 2);
}

TEST(TokenCounts, TakeRowsOfAllFiles) {
  const auto tokenizer = read_vocabulary("[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n##a\n", "", "vocab");
  const test::TempFolder folder;
  std::string many;
  for (int i = 0; i < 70; ++i) many += "a\n";
  const TextFile one(folder.write("1.txt", many)), two(folder.write("2.txt", "aa\n"));
  std::string more;
  for (int i = 0; i < 29; ++i) more += "aaa\n";
  const TextFile three(folder.write("3.txt", more));
  const TextColumns texts[] = {{&one}, {&two}, {&three}};
  const TokenCounts some = count_tokens(*tokenizer, texts, 10);
  EXPECT_EQ(some.texts, 10);
  EXPECT_EQ(some.characters, 7 * 1 + 1 * 2 + 2 * 3);
  EXPECT_EQ(count_tokens(*tokenizer, texts, 100).characters, 70 + 2 + 3 * 29);
}

}  // namespace
}  // namespace vistas::text
