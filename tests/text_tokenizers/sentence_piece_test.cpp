#include "vistas/text/tokenizers/sentence_piece.h"

#include <gtest/gtest.h>

#include "support/errors.h"
#include "support/options_round_trip.h"
#include "support/temp_folder.h"
#include "vistas/base/random.h"
#include "vistas/text/tokenizers/load.h"
#include "vistas/text/tokenizers/train_vocabulary.h"

namespace vistas::text {
namespace {

using test::expect_error;

std::string pieces_of(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<int32_t> ids;
  tokenizer.append(text, ids);
  std::string out;
  for (const int32_t id : ids) out += (out.empty() ? "" : " ") + tokenizer.token(id);
  return out;
}

// Sentences of a small language: 500 words of two to four syllables, drawn by rank.
std::string corpus(int rows, uint64_t seed) {
  const std::string syllables[] = {"wa", "lk", "ing", "The", "ca", "ts", "ho", "use", "er", "so"};
  Draws draws({.seed = seed});
  std::vector<std::string> words(500);
  for (std::string& word : words) {
    for (int64_t k = 2 + draws.below(3); k > 0; --k) {
      word += syllables[static_cast<size_t>(draws.below(10))];
    }
  }
  std::string out;
  for (int i = 0; i < rows; ++i) {
    for (int k = 0; k < 8; ++k) {
      const auto rank = draws.below(1 + draws.below(500));
      out += words[static_cast<size_t>(rank)] + (k < 7 ? " " : "\n");
    }
  }
  return out;
}

class Vocabularies : public testing::Test {
 protected:
  Vocabulary train(const std::string& content, const VocabularyOptions& options,
                   const std::string& name = "corpus.txt",
                   const std::vector<int64_t>& columns = {0}) const {
    const TextFile file(folder_.write(name, content));
    const TextColumns texts[] = {{&file, columns}};
    return train_vocabulary(texts, options);
  }
  test::TempFolder folder_;
};

TEST_F(Vocabularies, LearnsPiecesOfBothKinds) {
  for (const char* kind : {"unigram", "bpe"}) {
    const Vocabulary made = train(corpus(500, 1), {.size = 60, .kind = kind});
    EXPECT_EQ(made.size, 60) << kind;
    EXPECT_EQ(made.texts, 500);
    EXPECT_FALSE(made.sampled);
    const SentencePiece model(made.model, "m");
    EXPECT_EQ(model.vocabulary_size(), 60);
    EXPECT_EQ(model.token(0) + model.token(1) + model.token(2) + model.token(3) + model.token(4),
              "<pad><unk><s></s><mask>");
    EXPECT_EQ(model.special().pad, 0);
    EXPECT_EQ(model.special().unknown, 1);
    EXPECT_EQ(model.special().begin, 2);
    EXPECT_EQ(model.special().end, 3);
    EXPECT_EQ(model.special().mask, 4);
    std::vector<int32_t> ids = {7};
    model.append("The  walking CAT", ids);
    EXPECT_EQ(ids.front(), 7);
    std::string joined;
    for (size_t i = 1; i < ids.size(); ++i) joined += model.token(ids[i]);
    EXPECT_EQ(joined, "\u2581the\u2581walking\u2581cat");
    EXPECT_LE(ids.size(), 12U);  // of 15 letters
    EXPECT_EQ(pieces_of(model, ""), "");
    EXPECT_EQ(pieces_of(model, "\u4e2d\u56fd!"), "\u2581 <unk>");  // one for all three
    EXPECT_NE(pieces_of(model, "<s>"), "<s>");
    EXPECT_EQ(pieces_of(model, "\xff"), "\u2581 <unk>");
  }
}

TEST_F(Vocabularies, KnowsWhatContinuesAWord) {
  const SentencePiece model(train(corpus(300, 1) + "\u4e2d\u56fd \u4e2d\n", {.size = 60}).model,
                            "m");
  for (int32_t id = 5; id < model.vocabulary_size(); ++id) {
    const std::string& text = model.token(id);
    const bool begins =
        text.starts_with("\u2581") || text.starts_with("\u4e2d") || text.starts_with("\u56fd");
    EXPECT_EQ(model.continues_word(id), !begins) << text;
  }
  EXPECT_TRUE(model.continues_word(1));
  for (const int32_t id : {0, 2, 3, 4, -1, 1000}) EXPECT_FALSE(model.continues_word(id)) << id;
}

TEST_F(Vocabularies, AreTheSameEveryTime) {
  const std::string text = corpus(2000, 3);
  EXPECT_EQ(train(text, {.size = 80}).model, train(text, {.size = 80}).model);
}

TEST_F(Vocabularies, OptionsOfTheTraining) {
  const SentencePiece cased(train(corpus(500, 1), {.size = 60, .lowercase = false}).model, "m");
  EXPECT_NE(pieces_of(cased, "Cat"), pieces_of(cased, "cat"));
  // 40,000 letters: one in 100,000 is covered at 1 and not at 0.9995.
  const std::string rare = corpus(1000, 1) + "\u00f8\n";
  const SentencePiece all(train(rare, {.size = 60, .coverage = 1}).model, "m");
  const SentencePiece most(train(rare, {.size = 60}).model, "m");
  EXPECT_EQ(pieces_of(all, "\u00f8"), "\u2581 \u00f8");
  EXPECT_EQ(pieces_of(most, "\u00f8"), "\u2581 <unk>");
}

TEST_F(Vocabularies, TakeTheColumnsOfFiles) {
  std::string rows = "anchor\tscore\tpositive\n";
  for (int i = 0; i < 200; ++i) rows += "aba baab\t0.5\tcdc ddc\n";
  const Vocabulary made = train(rows, {.size = 20}, "pairs.tsv", {0, 2});
  EXPECT_EQ(made.texts, 400);
  const SentencePiece model(made.model, "m");
  EXPECT_EQ(pieces_of(model, "a").find("<unk>"), std::string::npos);
  EXPECT_EQ(pieces_of(model, "d").find("<unk>"), std::string::npos);
  EXPECT_NE(pieces_of(model, "5").find("<unk>"), std::string::npos);

  const TextFile one(folder_.write("1.txt", "ab ba\n\nbab\n")), two(folder_.write("2.txt", "ca\n"));
  const TextColumns both[] = {{&one, {0}}, {&two, {0}}};
  EXPECT_EQ(train_vocabulary(both, {.size = 16}).texts, 3);
}

TEST_F(Vocabularies, SampleWhatIsTooMuch) {
  const std::string text = corpus(50000, 5);  // 2.6 MB
  const Vocabulary some = train(text, {.size = 60, .sample = 1});
  EXPECT_TRUE(some.sampled);
  const double expected = 50000.0 * 1e6 / static_cast<double>(text.size());
  // The standard deviation of the draw is 110 rows, that of the mean length of 1,000 rows 0.4 %.
  EXPECT_NEAR(static_cast<double>(some.texts), expected, 800);
  EXPECT_EQ(train(text, {.size = 60, .sample = 1}).texts, some.texts);
  EXPECT_NE(train(text, {.size = 60, .sample = 1, .seed = 1}).texts, some.texts);
}

TEST_F(Vocabularies, HaveFewerTokensWhereTheTextsHaveNoMore) {
  for (const char* kind : {"unigram", "bpe"}) {
    const Vocabulary made = train("ab ab ba\nab\n", {.size = 5000, .kind = kind});
    EXPECT_LT(made.size, 30) << kind;
    EXPECT_EQ(SentencePiece(made.model, "m").vocabulary_size(), made.size);
  }
}

TEST_F(Vocabularies, AreLoadedFromFilesAndFolders) {
  const std::string made = train(corpus(300, 1), {.size = 50}).model;
  const SentencePiece model(made, "m");
  for (const char* name : {"a/tokenizer.model", "b/spiece.model", "c/d.model"}) {
    const auto file = folder_.write(name, made);
    EXPECT_EQ(pieces_of(*load_tokenizer(file), "walking"), pieces_of(model, "walking")) << name;
    if (file.stem() == "d") {
      expect_error([&] { load_tokenizer(file.parent_path()); }, "vocab.txt, tokenizer.model");
      continue;
    }
    EXPECT_EQ(load_tokenizer(file.parent_path())->vocabulary_size(), 50) << name;
  }
  const auto config =
      folder_.write("b/tokenizer_config.json", R"({"tokenizer_class": "T5TokenizerFast"})");
  EXPECT_NO_THROW(load_tokenizer(config.parent_path()));
  folder_.write("b/tokenizer_config.json", R"({"tokenizer_class": "AlbertTokenizer"})");
  expect_error([&] { load_tokenizer(config.parent_path()); }, "AlbertTokenizer");
}

// A model with the first pieces of XLM-R's, written here as SentencePiece's protocol buffer has it:
// field 1 a piece (1 its text, 2 its score, 3 its type).
TEST_F(Vocabularies, OfXlmRobertaHaveItsIds) {
  std::string model;
  const auto add = [&](const std::string& text, float score, char type) {
    std::string piece = "\x0a" + std::string(1, static_cast<char>(text.size())) + text + "\x15";
    piece.append(reinterpret_cast<const char*>(&score), 4);
    piece += std::string("\x18") + type;
    model += "\x0a" + std::string(1, static_cast<char>(piece.size())) + piece;
  };
  add("<unk>", 0, 2);
  add("<s>", 0, 3);
  add("</s>", 0, 3);
  for (const char* text : {",", ".", "\u2581", "a", "\u2581ab"}) add(text, -1, 1);
  const auto file = folder_.write("xlmr/sentencepiece.bpe.model", model);
  const auto made = load_tokenizer(file.parent_path());
  EXPECT_EQ(made->vocabulary_size(), 10);
  const std::string_view texts[] = {"ab a, \u4e2d."};
  EXPECT_EQ(tokenize(*made, texts, 20, 1).ids, (std::vector<int32_t>{0, 8, 6, 7, 4, 6, 3, 5, 2}));
  EXPECT_EQ(made->special().pad, 1);
  EXPECT_EQ(made->special().unknown, 3);
  EXPECT_EQ(made->special().mask, 9);
  EXPECT_EQ(made->token(9), "<mask>");
  EXPECT_EQ(made->token(4), ",");
  EXPECT_TRUE(made->continues_word(4));
  EXPECT_FALSE(made->continues_word(8));
  EXPECT_FALSE(made->continues_word(9));
  folder_.write("xlmr/tokenizer_config.json", R"({"tokenizer_class": "CamembertTokenizer"})");
  expect_error([&] { load_tokenizer(file.parent_path()); }, "CamembertTokenizer");
  const auto other =
      folder_.write("own/sentencepiece.bpe.model", train(corpus(300, 1), {.size = 50}).model);
  expect_error([&] { load_tokenizer(other); }, "other ids than those of XLM-R");
}

TEST_F(Vocabularies, SayWhatIsWrong) {
  for (const char* kind : {"unigram", "bpe"}) {
    const VocabularyOptions options{.size = 16, .kind = kind};
    expect_error([&] { train("\u200b \u0301\n\u2581\n", options); }, "no text to learn");
    expect_error([&] { train("abcdefghijklmnop\n", options); },
                 "more characters than tokens, expected a size of at least 22");
  }
  expect_error([] { SentencePiece("nothing of this kind", "m.model"); }, "m.model");
  expect_error([] { SentencePiece("", "m.model"); }, "m.model");
}

}  // namespace
}  // namespace vistas::text
