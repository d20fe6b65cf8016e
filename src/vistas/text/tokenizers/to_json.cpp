#include "vistas/text/tokenizers/to_json.h"

#include <nlohmann/json.hpp>

#include "vistas/base/error.h"
#include "vistas/text/tokenizers/load.h"
#include "vistas/text/tokenizers/piece_json.h"

namespace vistas::text {
namespace {

using Json = nlohmann::json;

// The pieces in the order of XLM-R's ids, see PieceIds::fairseq.
PieceModel as_fairseq(PieceModel model) {
  auto& pieces = model.pieces;
  const Piece unknown = pieces.at(0), begin = pieces.at(1), end = pieces.at(2);
  pieces.erase(pieces.begin(), pieces.begin() + 3);
  const auto control = [](const char* text) { return Piece{text, 0, PieceType::control}; };
  pieces.insert(pieces.begin(), {begin, control("<pad>"), end, unknown});
  pieces.push_back(control("<mask>"));
  return model;
}

Json vocabulary_json(const TokenizerFile& file) {
  const VocabularyFile parts = parse_vocabulary(file.content, file.config, file.name);
  Json vocabulary = Json::object(), added = Json::array();
  for (size_t id = 0; id < parts.tokens.size(); ++id) {
    if (!parts.tokens[id].empty()) vocabulary[parts.tokens[id]] = id;
  }
  for (const AddedToken& token : parts.added) {
    added.push_back({{"id", token.id},
                     {"content", token.text},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  }
  const WordPieceOptions& options = parts.options;
  return {{"version", "1.0"},
          {"added_tokens", added},
          {"normalizer",
           {{"type", "BertNormalizer"},
            {"clean_text", options.clean_text},
            {"handle_chinese_chars", options.handle_chinese_chars},
            {"strip_accents", options.strip_accents},
            {"lowercase", options.lowercase}}},
          {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
          {"model",
           {{"type", "WordPiece"},
            {"unk_token", options.unknown},
            {"continuing_subword_prefix", options.continuing_prefix},
            {"max_input_chars_per_word", options.max_word},
            {"vocab", vocabulary}}}};
}

Json json_of(const TokenizerFile& file) {
  if (file.name.ends_with(".json")) return Json::parse(file.content);
  if (!file.name.ends_with(".model")) return vocabulary_json(file);
  PieceModel model = read_piece_model(file.content, file.name);
  if (ids_of(file.name) == PieceIds::fairseq) model = as_fairseq(std::move(model));
  return Json::parse(sentence_piece_json(model, file.name));
}

std::string name_of(const Json& json, int32_t id) {
  if (id < 0) return "";
  for (const Json& token : json.value("added_tokens", Json::array())) {
    if (token["id"] == id) return token["content"];
  }
  const Json& vocabulary = json["model"]["vocab"];
  if (vocabulary.is_array()) return vocabulary.at(static_cast<size_t>(id)).at(0);
  for (const auto& [token, value] : vocabulary.items()) {
    if (value == id) return token;
  }
  return "";
}

// TemplateProcessing: begin, text, end.
Json around(const std::string& begin, int32_t begin_id, const std::string& end, int32_t end_id) {
  if (begin.empty() && end.empty()) return nullptr;
  Json tokens = Json::object();
  const auto mark = [&](const std::string& name, int32_t id, Json& list) {
    if (name.empty()) return;
    tokens[name] = {{"id", name}, {"ids", {id}}, {"tokens", {name}}};
    list.push_back({{"SpecialToken", {{"id", name}, {"type_id", 0}}}});
  };
  Json single = Json::array(), pair = Json::array();
  mark(begin, begin_id, single);
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  mark(end, end_id, single);
  pair = single;
  pair.push_back({{"Sequence", {{"id", "B"}, {"type_id", 0}}}});
  mark(end, end_id, pair);
  return {{"type", "TemplateProcessing"},
          {"single", single},
          {"pair", pair},
          {"special_tokens", tokens}};
}

}  // namespace

WrittenJson to_tokenizer_json(const Tokenizer& tokenizer, const TokenizerFile& file,
                              int64_t longest) {
  Json json = json_of(file);
  const SpecialTokens& special = tokenizer.special();
  WrittenJson out{.begin = name_of(json, special.begin),
                  .end = name_of(json, special.end),
                  .pad = name_of(json, special.pad),
                  .unknown = name_of(json, special.unknown),
                  .mask = name_of(json, special.mask)};
  const auto added = json.find("added_tokens");
  out.finds_tokens = added != json.end() && added->is_array() && !added->empty();
  json["post_processor"] = around(out.begin, special.begin, out.end, special.end);
  json["padding"] = nullptr;
  json["truncation"] = nullptr;
  if (longest > 0) {
    json["truncation"] = {{"direction", "Right"},
                          {"max_length", longest},
                          {"strategy", "LongestFirst"},
                          {"stride", 0}};
  }
  out.content = json.dump();
  return out;
}

}  // namespace vistas::text
