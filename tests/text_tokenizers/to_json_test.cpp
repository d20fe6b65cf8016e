// Tokenizers written as a tokenizer.json and read again. tests/cli/export_test.py holds the files
// to the libraries that they are for.
#include "vistas/text/tokenizers/to_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/errors.h"
#include "support/temp_folder.h"
#include "vistas/base/files.h"
#include "vistas/text/tokenizers/load.h"
#include "vistas/text/tokenizers/piece_json.h"
#include "vistas/text/tokenizers/train_vocabulary.h"

namespace vistas::text {
namespace {

using test::expect_error;
using Json = nlohmann::json;

const std::filesystem::path kGolden =
    std::filesystem::path(VISTAS_SOURCE_DIR) / "tests/golden/text";

std::vector<std::string> awkward() {
  auto texts =
      Json::parse(read_file(kGolden / "ids.json"))["texts"].get<std::vector<std::string>>();
  for (const char* text :
       {"", " ", " a", "a ", "a  b", "\ta\nb\r\n", "\x01 \x1b[0m", "<s> </s> <mask>",
        "＜ｓ＞ ＜ｍａｓｋ＞", "naïve CAFÉ", "CAFE\u0301 e\u0301", "\xff\xfe",
        "\u2581 \u2581\u2581a", "......", "-----", "[CLS] [SEP] [PAD]", "the\u00a0cat\u3000"}) {
    texts.emplace_back(text);
  }
  return texts;
}

void expect_same_ids(const Tokenizer& got, const Tokenizer& want, const std::string& name) {
  EXPECT_EQ(got.vocabulary_size(), want.vocabulary_size()) << name;
  const std::vector<std::string> texts = awkward();
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  const TokenizedTexts a = tokenize(got, views, 1000, 1), b = tokenize(want, views, 1000, 1);
  for (int64_t i = 0; i < a.size(); ++i) {
    EXPECT_TRUE(std::ranges::equal(a[i], b[i])) << name << ": " << texts[static_cast<size_t>(i)];
  }
  for (const auto member : {&SpecialTokens::begin, &SpecialTokens::end, &SpecialTokens::pad,
                            &SpecialTokens::unknown, &SpecialTokens::mask}) {
    EXPECT_EQ(got.special().*member, want.special().*member) << name;
  }
}

std::string learned(const std::string& kind, bool lowercase) {
  const test::TempFolder folder;
  std::string text;
  for (const std::string& line : awkward()) text += line + "\n";
  const TextFile file(folder.write("texts.txt", text));
  const TextColumns columns[] = {{&file, {0}}};
  return train_vocabulary(columns, {.size = 400, .kind = kind, .lowercase = lowercase}).model;
}

TEST(ToJson, KeepsTheIdsOfLearnedVocabularies) {
  for (const char* kind : {"unigram", "bpe"}) {
    for (const bool lowercase : {true, false}) {
      const std::string model = learned(kind, lowercase);
      const SentencePiece tokenizer(model, "m");
      const WrittenJson made = to_tokenizer_json(tokenizer, {"tokenizer.model", model, ""}, 0);
      expect_same_ids(*read_tokenizer_json(made.content, kind), tokenizer, kind);
      EXPECT_EQ(made.begin, fullwidth("<s>"));
      EXPECT_EQ(made.mask, fullwidth("<mask>"));
      EXPECT_FALSE(made.finds_tokens);
      // Once more, from the file that was made.
      const auto again = to_tokenizer_json(tokenizer, {"tokenizer.json", made.content, ""}, 9);
      expect_same_ids(*read_tokenizer_json(again.content, kind), tokenizer, kind);
      EXPECT_EQ(Json::parse(again.content)["truncation"]["max_length"], 9);
    }
  }
}

TEST(ToJson, KeepsTheIdsOfXlmRoberta) {
  PieceModel model{.normalization = "nmt_nfkc",
                   .charsmap = read_piece_model(learned("unigram", false), "m").charsmap};
  model.pieces = {{"<unk>", 0, PieceType::unknown},
                  {"<s>", 0, PieceType::control},
                  {"</s>", 0, PieceType::control}};
  for (const char* text : {",", ".", "\u2581", "a", "c", "\u2581ca"})
    model.pieces.push_back({text, -1});
  const std::string file = write_piece_model(model);
  const SentencePiece tokenizer(file, "m", PieceIds::fairseq);
  const WrittenJson made = to_tokenizer_json(tokenizer, {"sentencepiece.bpe.model", file, ""}, 0);
  expect_same_ids(*read_tokenizer_json(made.content, "j"), tokenizer, "xlm-r");
  EXPECT_EQ(Json::parse(made.content)["post_processor"]["special_tokens"][made.end]["ids"][0], 2);
}

TEST(ToJson, KeepsTheIdsOfAVocabularyFile) {
  const std::string vocabulary = read_file(kGolden / "sentence/vocab.txt");
  for (const char* config : {"", R"({"do_lower_case": false})", R"({"strip_accents": false})"}) {
    const auto tokenizer = read_vocabulary(vocabulary, config, "vocab.txt");
    const WrittenJson made = to_tokenizer_json(*tokenizer, {"vocab.txt", vocabulary, config}, 0);
    expect_same_ids(*read_tokenizer_json(made.content, "j"), *tokenizer, config);
    EXPECT_EQ(made.pad, "[PAD]");
    EXPECT_TRUE(made.finds_tokens);
  }
}

TEST(ToJson, PutsMarksAroundTextsWhateverTheFileSays) {
  Json file = Json::parse(read_file(kGolden / "sentence/tokenizer.json"));
  file["post_processor"] = nullptr;
  file["truncation"] = {{"max_length", 3}};
  const auto tokenizer = read_tokenizer_json(file.dump(), "j");
  const Json made =
      Json::parse(to_tokenizer_json(*tokenizer, {"tokenizer.json", file.dump(), ""}, 0).content);
  EXPECT_EQ(made["post_processor"]["single"][0]["SpecialToken"]["id"], "[CLS]");
  EXPECT_TRUE(made["truncation"].is_null());
}

TEST(PieceModels, AreReadAsTheyWereWritten) {
  for (const char* kind : {"unigram", "bpe"}) {
    const PieceModel model = read_piece_model(learned(kind, true), "m");
    EXPECT_EQ(model.bpe, std::string(kind) == "bpe");
    EXPECT_EQ(model.normalization, "nmt_nfkc_cf");
    EXPECT_EQ(model.unknown(), 1);
    EXPECT_EQ(read_piece_model(write_piece_model(model), "m"), model);
  }
}

TEST(PieceModels, ThatCannotBecomeJsonAreRefused) {
  const PieceModel model = read_piece_model(learned("unigram", true), "m");
  const auto refused = [&](const std::function<void(PieceModel&)>& change,
                           const std::string& part) {
    PieceModel other = model;
    change(other);
    expect_error([&] { sentence_piece_json(other, "m"); }, part);
  };
  refused([](PieceModel& m) { m.normalization = "identity"; }, "identity");
  refused([](PieceModel& m) { m.pieces[1].type = PieceType::normal; }, "no unknown piece");
  refused([](PieceModel& m) { m.pieces[7].type = PieceType::user_defined; }, "pieces of a user");
  const std::string file = write_piece_model(model);
  expect_error([&] { read_piece_model(file.substr(0, file.size() - 1), "m.model"); }, "damaged");
  // Field 3, settings of normalisation: its field 4, spaces joined, is 0.
  expect_error([&] { read_piece_model(std::string("\x1a\x02\x20\x00", 4), "m.model"); },
               "spaces of texts as they are");
}

TEST(PieceJson, RefusesOtherBpe) {
  const std::string model = learned("bpe", true);
  const Json json = Json::parse(sentence_piece_json(read_piece_model(model, "m"), "m"));
  for (const auto& [key, value] : std::map<std::string, Json>{
           {"fuse_unk", false}, {"byte_fallback", true}, {"dropout", 0.1}, {"unk_token", "none"}}) {
    Json other = json;
    other["model"][key] = value;
    expect_error([&] { read_tokenizer_json(other.dump(), "j"); }, key);
  }
}

}  // namespace
}  // namespace vistas::text
