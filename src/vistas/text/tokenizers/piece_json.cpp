#include "vistas/text/tokenizers/piece_json.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <unordered_map>

#include "vistas/base/error.h"
#include "vistas/text/tokenizers/characters.h"
#include "vistas/text/tokenizers/sentence_piece.h"

namespace vistas::text {
namespace {

using Json = nlohmann::json;

constexpr const char* kSpace = "\u2581";
constexpr const char* kRuns = " {2,}";
constexpr const char* kEnds = "^ | $";  // Strip would take U+0085 too
// The library looks at a letter with its marks as a whole and forgets the marks where the letter
// alone becomes another. A character that normalisation drops parts them.
constexpr const char* kBeforeMarks = "(?=\\p{M})";
constexpr const char* kDropped = "\u0001";

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string from_base64(const TokenizerJson& json, std::string_view text) {
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  while (text.ends_with('=')) text.remove_suffix(1);
  for (const char digit : text) {
    const size_t value = kDigits.find(digit);
    if (value == std::string_view::npos) {
      refuse(json, "precompiled_charsmap", std::string(1, digit), "base64");
    }
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count & 0xFF);
  }
  return out;
}

std::string to_base64(std::string_view bytes) {
  std::string out;
  for (size_t at = 0; at < bytes.size(); at += 3) {
    const std::string_view three = bytes.substr(at, 3);
    uint32_t bits = 0;
    for (size_t i = 0; i < 3; ++i) {
      bits = bits << 8 | (i < three.size() ? static_cast<unsigned char>(three[i]) : 0);
    }
    for (size_t i = 0; i < 4; ++i) {
      out += i > three.size() ? '=' : kDigits[bits >> (18 - 6 * i) & 0x3F];
    }
  }
  return out;
}

bool is_byte(const std::string& token) {
  return token.size() == 6 && token.starts_with("<0x") && token.ends_with(">");
}

bool replaces(const TokenizerPart& part, const char* regex) {
  return part.type == "Replace" && part.text("pattern.Regex", "") == regex;
}

// The normalizers without those of sentence_piece_json() that SentencePiece needs not.
std::span<const TokenizerPart> own_normalizers(const TokenizerJson& json) {
  const std::span<const TokenizerPart> all(json.normalizers);
  const bool ours = all.size() > 2 && all[0].type == "NFC" && replaces(all[1], kBeforeMarks);
  return ours ? all.subspan(2) : all;
}

// How spaces are treated: runs are one space everywhere; at the end of a text they may stay as one.
bool keeps_last_space(const TokenizerJson& json) {
  bool runs = false, last = true;
  const auto normalizers = own_normalizers(json);
  for (const TokenizerPart& part : normalizers) {
    if (part.type == "Precompiled" && &part == &normalizers.front()) continue;
    if ((part.type == "Strip" && part.flag("strip_right", false)) || replaces(part, kEnds)) {
      last = false;
    } else if (replaces(part, kRuns)) {
      runs = true;
    } else {
      refuse(json, "normalizer", part.type, "Precompiled first, then Strip or Replace of / {2,}/");
    }
  }
  if (normalizers.empty() || normalizers.front().type != "Precompiled") {
    refuse(json, "normalizer", "none", "Precompiled");
  }
  for (const TokenizerPart& part : json.pre_tokenizers) {
    const bool final = &part == &json.pre_tokenizers.back();
    if (part.type == "WhitespaceSplit" && !final) {
      runs = true;
      last = false;
    } else if (part.type != "Metaspace" || !final || part.text("replacement", "") != kSpace) {
      refuse(json, "pre_tokenizer", part.type, "Metaspace, perhaps after WhitespaceSplit");
    } else if (part.text("prepend_scheme", "always") != "always" ||
               !part.flag("add_prefix_space", true)) {
      refuse(json, "pre_tokenizer", "Metaspace without a space before each text",
             "prepend_scheme always");
    }
  }
  if (json.pre_tokenizers.empty()) refuse(json, "pre_tokenizer", "none", "Metaspace");
  if (!runs) {
    refuse(json, "normalizer and pre_tokenizer", "several spaces stay as they are",
           "Replace of / {2,}/ or WhitespaceSplit");
  }
  return last;
}

// Of a BPE model only the order counts: a token is worth more the earlier its first merge is.
std::vector<float> scores_of_merges(const TokenizerJson& json) {
  std::unordered_map<std::string, size_t> ids;
  for (size_t id = 0; id < json.tokens.size(); ++id) ids[json.tokens[id]] = id;
  std::vector<float> scores(json.tokens.size(), -static_cast<float>(json.merges.size()));
  for (size_t rank = json.merges.size(); rank-- > 0;) {
    const auto found = ids.find(json.merges[rank].first + json.merges[rank].second);
    if (found != ids.end()) scores[found->second] = -static_cast<float>(rank);
  }
  return scores;
}

void require_plain_merges(const TokenizerJson& json) {
  if (!json.model.flag("fuse_unk", false)) {
    refuse(json, "model.fuse_unk", "false", "true: unknown characters in a row are one token");
  }
  for (const char* name : {"byte_fallback", "ignore_merges"}) {
    if (json.model.flag(name, false)) {
      refuse(json, std::string("model.") + name, "true", "false with Metaspace");
    }
  }
  for (const char* name : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"}) {
    if (const std::string value = json.model.text(name, ""); !value.empty()) {
      refuse(json, std::string("model.") + name, value, "none");
    }
  }
}

PieceModel model_of(const TokenizerJson& json, const std::string& charsmap) {
  PieceModel model{.bpe = json.model.type == "BPE",
                   .byte_fallback = json.model.flag("byte_fallback", false),
                   .charsmap = charsmap};
  if (model.bpe) require_plain_merges(json);
  const std::vector<float> scores = model.bpe ? scores_of_merges(json) : json.scores;
  const int64_t unknown =
      model.bpe ? json.id_of(json.model.text("unk_token", "")) : json.model.number("unk_id", -1);
  if (unknown < 0 || unknown >= static_cast<int64_t>(scores.size())) {
    refuse(json, model.bpe ? "model.unk_token" : "model.unk_id", std::to_string(unknown),
           "the id of the unknown token");
  }
  std::set<size_t> added;
  for (const AddedToken& token : json.added) added.insert(static_cast<size_t>(token.id));
  for (size_t id = 0; id < scores.size(); ++id) {
    const std::string& text = json.tokens[id];
    model.pieces.push_back({text, scores[id],
                            static_cast<int64_t>(id) == unknown    ? PieceType::unknown
                            : added.contains(id)                   ? PieceType::control
                            : model.byte_fallback && is_byte(text) ? PieceType::byte
                                                                   : PieceType::normal});
  }
  return model;
}

// Every way in which two pieces join to a third, best first. Ways to the same piece stand together.
Json merges_of(const PieceModel& model) {
  std::unordered_map<std::string_view, size_t> normal;
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    if (model.pieces[id].type == PieceType::normal) normal[model.pieces[id].text] = id;
  }
  std::vector<size_t> order;
  for (const auto& [text, id] : normal) order.push_back(id);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    const float x = model.pieces[a].score, y = model.pieces[b].score;
    return x != y ? x > y : a < b;
  });
  Json merges = Json::array();
  for (const size_t id : order) {
    const std::string_view text = model.pieces[id].text;
    for (size_t at = first_character(text).length; at < text.size();
         at += first_character(text.substr(at)).length) {
      const std::string_view first = text.substr(0, at), second = text.substr(at);
      if (normal.contains(first) && normal.contains(second)) {
        merges.push_back(Json::array({first, second}));
      }
    }
  }
  return merges;
}

Json json_of(const PieceModel& model) {
  std::vector<std::string> names;
  for (const Piece& piece : model.pieces) {
    names.push_back(piece.type == PieceType::normal ? piece.text : fullwidth(piece.text));
  }
  if (model.bpe) {
    Json vocabulary = Json::object();
    for (size_t id = 0; id < names.size(); ++id) vocabulary[names[id]] = id;
    return {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", names[static_cast<size_t>(model.unknown())]},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", true},
            {"byte_fallback", false},
            {"ignore_merges", false},
            {"vocab", vocabulary},
            {"merges", merges_of(model)}};
  }
  Json vocabulary = Json::array();
  for (size_t id = 0; id < names.size(); ++id) {
    // The least score decides what an unknown character costs: that of normal pieces alone.
    const bool normal = model.pieces[id].type == PieceType::normal;
    vocabulary.push_back(Json::array({names[id], normal ? model.pieces[id].score : 0.0F}));
  }
  return {{"type", "Unigram"},
          {"unk_id", model.unknown()},
          {"vocab", vocabulary},
          {"byte_fallback", false}};
}

void require_expressible(const PieceModel& model, const std::string& name) {
  const auto refused = [&](const std::string& got, const std::string& expected) {
    throw Error(ErrorKind::data,
                {.what = name + ": cannot become a tokenizer.json",
                 .got = got,
                 .expected = expected,
                 .fix = "A tokenizer.json of the same tokenizer is taken as it is"});
  };
  if (model.normalization != "nmt_nfkc" && model.normalization != "nmt_nfkc_cf") {
    refused("normalisation '" + model.normalization + "'", "nmt_nfkc or nmt_nfkc_cf");
  }
  if (model.unknown() < 0) refused("no unknown piece", "one");
  for (const Piece& piece : model.pieces) {
    const bool known = piece.type == PieceType::normal || piece.type == PieceType::unknown ||
                       piece.type == PieceType::control;
    if (!known) refused("piece '" + piece.text + "'", "no bytes and no pieces of a user");
  }
}

}  // namespace

std::string fullwidth(std::string_view text) {
  constexpr char32_t kToWide = 0xFEE0;
  std::string out;
  for (const char c : text) {
    if (c > ' ' && c <= '~') {
      append_utf8(static_cast<char32_t>(c) + kToWide, out);
    } else {
      out += c;
    }
  }
  return out;
}

std::unique_ptr<Tokenizer> sentence_piece_from(const TokenizerJson& json) {
  const bool keeps_last = keeps_last_space(json);
  const std::string charsmap =
      from_base64(json, own_normalizers(json).front().text("precompiled_charsmap", ""));
  if (const std::string fault = fault_of_charsmap(charsmap); !fault.empty()) {
    refuse(json, "precompiled_charsmap", fault, "a table as SentencePiece makes it");
  }
  const auto any = [&](const std::array<const char*, 2>& names) {
    int32_t id = -1;
    for (const char* name : names) {
      id = std::max({id, json.id_of(name), json.id_of(fullwidth(name))});
    }
    return id;
  };
  const PieceModel model = model_of(json, charsmap);
  PieceSettings settings{.keeps_last_space = keeps_last};
  settings.added = json.added;
  settings.tokens = json.tokens;
  settings.special = {.begin = json.id_of(json.begin),
                      .end = json.id_of(json.end),
                      .pad = any({"<pad>", "[PAD]"}),
                      .unknown = static_cast<int32_t>(model.unknown()),
                      .mask = any({"<mask>", "[MASK]"})};
  return std::make_unique<SentencePiece>(write_piece_model(model), json.name, settings);
}

std::string sentence_piece_json(const PieceModel& model, const std::string& name) {
  require_expressible(model, name);
  const auto replace = [](const char* regex, const char* by) -> Json {
    return {{"type", "Replace"}, {"pattern", {{"Regex", regex}}}, {"content", by}};
  };
  const Json normalizers = {
      {{"type", "NFC"}},
      replace(kBeforeMarks, kDropped),
      {{"type", "Precompiled"}, {"precompiled_charsmap", to_base64(model.charsmap)}},
      replace(kRuns, " "),
      replace(kEnds, "")};
  const Json json = {{"version", "1.0"},
                     {"added_tokens", Json::array()},
                     {"normalizer", {{"type", "Sequence"}, {"normalizers", normalizers}}},
                     {"pre_tokenizer",
                      {{"type", "Metaspace"},
                       {"replacement", kSpace},
                       {"prepend_scheme", "always"},
                       {"split", true}}},
                     {"model", json_of(model)}};
  return json.dump();
}

}  // namespace vistas::text
