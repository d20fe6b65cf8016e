#include "vistas/text/tokenizers/word_piece.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/count_allocations.h"
#include "support/errors.h"
#include "vistas/text/tokenizers/load.h"
#include "vistas/text/tokenizers/piece_table.h"

namespace vistas::text {
namespace {

using test::expect_error;

const std::vector<std::string> kTokens = {
    "[PAD]",  "[UNK]",  "[CLS]", "[SEP]",    "[MASK]", "un",     "##aff",
    "##able", "##ed",   "play",  "##ing",    "e",      "##e",    "a",
    "!",      "\u4e2d", "o",     "##\u00f8", "\u00f8", "##affa", "=",
};

WordPiece word_piece(const WordPieceOptions& options = {}) {
  return WordPiece(kTokens, {{"[SEP]", 3}, {"[MASK]", 4}}, options);
}

std::string pieces_of(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<int32_t> ids;
  tokenizer.append(text, ids);
  std::string out;
  for (const int32_t id : ids) out += (out.empty() ? "" : " ") + tokenizer.token(id);
  return out;
}

TEST(PieceTable, FindsTheLongestPrefixAsANaiveSearchDoes) {
  std::vector<std::string> words;
  uint64_t state = 1;
  const auto letter = [&] {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return static_cast<char>('a' + (state >> 60) % 3);
  };
  for (int i = 0; i < 300; ++i) {
    std::string word;
    for (int k = i % 7; k >= 0; --k) word += letter();
    words.push_back(word);
  }
  std::vector<PieceTable::Piece> pieces;
  for (size_t i = 0; i < words.size(); ++i) pieces.push_back({words[i], static_cast<int32_t>(i)});
  const PieceTable table(pieces);
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    for (int k = i % 10; k > 0; --k) text += letter();
    int32_t id = -1;
    size_t length = 0;
    for (size_t w = 0; w < words.size(); ++w) {
      if (text.starts_with(words[w]) && words[w].size() >= length) {
        id = static_cast<int32_t>(w);
        length = words[w].size();
      }
    }
    const PieceTable::Match got = table.longest_prefix(text);
    EXPECT_EQ(got.id, id) << text;
    EXPECT_EQ(got.length, length) << text;
  }
  EXPECT_EQ(PieceTable({}).longest_prefix("a").id, -1);
}

TEST(WordPiece, TakesTheLongestPieceFromTheLeft) {
  const WordPiece model = word_piece();
  EXPECT_EQ(pieces_of(model, "playing"), "play ##ing");
  EXPECT_EQ(pieces_of(model, "Playing! Play"), "play ##ing ! play");
  // "##affa" is longer than "##aff" and leaves "ble", which is no piece: the whole word is unknown.
  EXPECT_EQ(pieces_of(model, "unaffable"), "[UNK]");
  EXPECT_EQ(pieces_of(model, "play unaffable play"), "play [UNK] play");
  EXPECT_EQ(pieces_of(model, "unaffed"), "un ##aff ##ed");
  EXPECT_EQ(pieces_of(model, ""), "");
  EXPECT_EQ(pieces_of(model, " \t\r\n\u00a0\u3000"), "");
}

TEST(WordPiece, LongWordsAreUnknownByCharacters) {
  const WordPiece model = word_piece();
  std::string hundred, wide = "o";
  for (int i = 0; i < 100; ++i) hundred += 'e';
  for (int i = 0; i < 99; ++i) wide += "\u00f8";  // two bytes each
  EXPECT_TRUE(pieces_of(model, hundred).starts_with("e ##e ##e"));
  EXPECT_EQ(pieces_of(model, hundred + "e"), "[UNK]");
  EXPECT_TRUE(pieces_of(model, wide).starts_with("o ##\u00f8"));
  EXPECT_EQ(pieces_of(model, wide + "\u00f8"), "[UNK]");
}

TEST(WordPiece, Normalises) {
  const WordPiece model = word_piece();
  EXPECT_EQ(pieces_of(model, "\u00c9"), "e");                        // one character
  EXPECT_EQ(pieces_of(model, "E\u0301\u0323"), "e");                 // with marks of its own
  EXPECT_EQ(pieces_of(model, "pl\u200bay\u00ading"), "play ##ing");  // format characters vanish
  EXPECT_EQ(pieces_of(model, std::string("pl\0ay", 5)), "play");
  EXPECT_EQ(pieces_of(model, "a\u4e2da"), "a \u4e2d a");
  EXPECT_EQ(pieces_of(model, "\u00d8"), "\u00f8");   // no decomposition, but lower case
  EXPECT_EQ(pieces_of(model, "a\u2260a"), "a = a");  // decomposed into punctuation
  EXPECT_EQ(pieces_of(model, "a\xff"), "a");         // no UTF-8: U+FFFD, which is dropped
  EXPECT_EQ(pieces_of(model, "\xe4\xb8"), "");
}

TEST(WordPiece, OptionsOfTheNormaliser) {
  EXPECT_EQ(pieces_of(word_piece({.strip_accents = false}), "\u00e9"), "[UNK]");
  EXPECT_EQ(pieces_of(word_piece({.lowercase = false}), "Play play"), "[UNK] play");
  EXPECT_EQ(pieces_of(word_piece({.lowercase = false}), "\u00e9"), "e");
  EXPECT_EQ(pieces_of(word_piece({.handle_chinese_chars = false}), "a\u4e2da"), "[UNK]");
  EXPECT_EQ(pieces_of(word_piece({.clean_text = false}), "pl\u200bay"), "[UNK]");
  EXPECT_EQ(pieces_of(word_piece({.max_word = 4}), "play playing"), "play [UNK]");
}

TEST(WordPiece, AddedTokensAreFoundAsTheyStand) {
  const WordPiece model = word_piece();
  EXPECT_EQ(pieces_of(model, "a[SEP]a [MASK]"), "a [SEP] a [MASK]");
  EXPECT_EQ(pieces_of(model, "[sep]"), "[UNK] [UNK] [UNK]");
  EXPECT_EQ(pieces_of(model, "pl[SEP]ay"), "[UNK] [SEP] [UNK]");
  EXPECT_EQ(model.special().begin, 2);
  EXPECT_EQ(model.special().unknown, 1);
  EXPECT_EQ(model.token(9), "play");
}

TEST(WordPiece, KnowsWhatContinuesAWord) {
  const WordPiece model = word_piece(), bare({"[UNK]", "a", "##"}, {}, {.continuing_prefix = ""});
  for (int32_t id = 0; id < model.vocabulary_size(); ++id) {
    EXPECT_EQ(model.continues_word(id), model.token(id).starts_with("##")) << model.token(id);
  }
  EXPECT_FALSE(model.continues_word(-1));
  EXPECT_FALSE(model.continues_word(1000));
  EXPECT_FALSE(bare.continues_word(1));
  EXPECT_FALSE(WordPiece({"[UNK]", "##"}, {}).continues_word(1));  // "##" itself is a word
}

TEST(WordPiece, AVocabularyNeedsAnUnknownToken) {
  expect_error([] { WordPiece({"a", "b"}, {}); }, "2 tokens without [UNK]");
}

TEST(Tokenize, CutsAtTheRightAndCountsIt) {
  const WordPiece model = word_piece();
  const std::vector<std::string_view> texts = {"a e a e a", "", "play"};
  const TokenizedTexts got = tokenize(model, texts, 4);
  EXPECT_EQ(got.ids, (std::vector<int32_t>{2, 13, 11, 3, 2, 3, 2, 9, 3}));
  EXPECT_EQ(got.offsets, (std::vector<int64_t>{0, 4, 6, 9}));
  EXPECT_EQ(got.truncated, 1);
  EXPECT_EQ(tokenize(model, texts, 7).truncated, 0);
  EXPECT_THROW(tokenize(model, texts, 2), Error);
}

TEST(Tokenize, IsTheSameForAnyNumberOfThreads) {
  const WordPiece model = word_piece();
  std::vector<std::string> texts;
  for (int i = 0; i < 1000; ++i) {
    texts.push_back(std::string(static_cast<size_t>(i % 13), 'e') + " play!" +
                    (i % 3 ? "ing" : ""));
  }
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  const TokenizedTexts one = tokenize(model, views, 8, 1), four = tokenize(model, views, 8, 4);
  EXPECT_EQ(one.ids, four.ids);
  EXPECT_EQ(one.offsets, four.offsets);
  EXPECT_EQ(one.truncated, four.truncated);
  EXPECT_GT(one.truncated, 0);
}

TEST(Tokenize, TokensAllocateNothing) {
  const WordPiece model = word_piece();
  std::string text;
  for (int i = 0; i < 500; ++i) text += "playing unaffed a\u4e2d \u00c9! ";
  std::vector<int32_t> ids;
  ids.reserve(10000);
  const int64_t before = allocations;
  model.append(text, ids);
  EXPECT_LE(allocations - before, 4) << "for " << ids.size() << " tokens";
  EXPECT_GT(ids.size(), 3000U);
}

const char* const kJson = R"({"version": "1.0",
  "truncation": {"max_length": 2}, "padding": null,
  "added_tokens": [{"id": 3, "content": "[SEP]", "special": true, "normalized": false}],
  "normalizer": {"type": "BertNormalizer", "lowercase": false, "strip_accents": null},
  "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": null,
  "model": {"type": "WordPiece", "unk_token": "<unk>", "continuing_subword_prefix": "@@",
            "max_input_chars_per_word": 6, "vocab": {"<unk>": 0, "a": 1, "@@a": 5, "\u00e9": 6}}})";

std::string with(std::string from, const std::string& to) {
  std::string json = kJson;
  return json.replace(json.find(from), from.size(), to);
}

TEST(TokenizerJson, IsReadWithItsOptions) {
  const auto model = read_tokenizer_json(kJson, "t.json");
  EXPECT_EQ(model->vocabulary_size(), 7);
  EXPECT_EQ(model->token(2), "");
  EXPECT_EQ(pieces_of(*model, "aa A \u00e9 aaaaaaa[SEP]"), "a @@a <unk> \u00e9 <unk> [SEP]");
}

TEST(TokenizerJson, OfMpNetHasTheMarksOfRoberta) {
  const auto model = read_tokenizer_json(
      R"({"version": "1.0", "normalizer": {"type": "BertNormalizer"},
          "added_tokens": [{"id": 1, "content": "<pad>"}, {"id": 7, "content": "<mask>"}],
          "pre_tokenizer": {"type": "BertPreTokenizer"},
          "post_processor": {"type": "RobertaProcessing", "cls": ["<s>", 0], "sep": ["</s>", 2]},
          "model": {"type": "WordPiece", "vocab": {"<s>": 0, "<pad>": 1, "</s>": 2, "[UNK]": 3,
                    "[CLS]": 4, "[SEP]": 5, "[PAD]": 6, "<mask>": 7, "a": 8}}})",
      "t.json");
  const std::string_view texts[] = {"a"};
  EXPECT_EQ(tokenize(*model, texts, 9, 1).ids, (std::vector<int32_t>{0, 8, 2}));
  EXPECT_EQ(model->special().pad, 1);
  EXPECT_EQ(model->special().mask, 7);
}

TEST(TokenizerJson, SaysWhatItDoesNotSupport) {
  const auto refuses = [](const std::string& json, const std::string& part) {
    expect_error([&] { read_tokenizer_json(json, "t.json"); }, part);
  };
  refuses("{", "no JSON");
  refuses("[]", "version");
  refuses(with("\"1.0\"", "\"2.0\""), "2.0");
  refuses(with("\"WordPiece\"", "\"WordLevel\""), "WordLevel");
  refuses(with("\"BertNormalizer\"", "\"Sequence\""), "normalizer");
  refuses(with("{\"type\": \"BertPreTokenizer\"}", "null"), "pre_tokenizer");
  refuses(with("\"a\": 1", "\"a\": -1"), "id of \"a\"");
  refuses(with("\"a\": 1", "\"a\": 99999999999"), "id of \"a\"");
  refuses(with("\"a\": 1", "\"a\": 0"), "id 0");
  refuses(with("\"<unk>\": 0", "\"b\": 0"), "without <unk>");
  refuses(with("\"normalized\": false", "\"normalized\": true"), "normalized = true");
  refuses(with("{\"<unk>\"", "[{\"<unk>\"") + "]", "no JSON");
}

TEST(Vocabulary, IsATokenALine) {
  const std::string text = "[PAD]\n[UNK]\r\nA \n\n##b\n[SEP]";
  const auto model = read_vocabulary(text, "{\"do_lower_case\": false}", "vocab.txt");
  EXPECT_EQ(model->vocabulary_size(), 6);
  EXPECT_EQ(model->token(3), "");
  EXPECT_EQ(pieces_of(*model, "Abb a[SEP]"), "A ##b ##b [UNK] [SEP]");
  EXPECT_EQ(model->special().end, 5);
  expect_error([] { load_tokenizer("/nowhere"); }, "/nowhere");
}

}  // namespace
}  // namespace vistas::text
