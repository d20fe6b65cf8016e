#include "vistas/text/tokenizers/unigram_json.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <set>

#include "vistas/text/tokenizers/sentence_piece.h"

namespace vistas::text {
namespace {

constexpr const char* kSpace = "\u2581";

std::string from_base64(const TokenizerJson& json, std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
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

// Writes protocol buffers.
class Message {
 public:
  void number(uint32_t field, uint64_t value) {
    varint(field << 3);
    varint(value);
  }
  void real(uint32_t field, float value) {
    varint(field << 3 | 5);
    for (auto bits = std::bit_cast<uint32_t>(value), i = 0U; i < 4; ++i, bits >>= 8) {
      bytes_ += static_cast<char>(bits & 0xFF);
    }
  }
  void bytes(uint32_t field, std::string_view value) {
    varint(field << 3 | 2);
    varint(value.size());
    bytes_ += value;
  }
  const std::string& done() const { return bytes_; }

 private:
  void varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }
  std::string bytes_;
};

enum PieceType : uint64_t { kNormal = 1, kUnknown = 2, kControl = 3, kByte = 6 };

bool is_byte(const std::string& token) {
  return token.size() == 6 && token.starts_with("<0x") && token.ends_with(">");
}

// How spaces are treated: runs are one space everywhere; at the end of a text they may stay as one.
bool keeps_last_space(const TokenizerJson& json) {
  bool runs = false, last = true;
  for (const TokenizerPart& part : json.normalizers) {
    if (part.type == "Precompiled" && &part == &json.normalizers.front()) continue;
    if (part.type == "Strip" && part.flag("strip_right", false)) {
      last = false;
    } else if (part.type == "Replace" && part.text("pattern.Regex", "") == " {2,}") {
      runs = true;
    } else {
      refuse(json, "normalizer", part.type, "Precompiled first, then Strip or Replace of / {2,}/");
    }
  }
  if (json.normalizers.empty() || json.normalizers.front().type != "Precompiled") {
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

// A unit of a double-array trie (darts-clone).
struct Unit {
  uint32_t bits;
  bool has_leaf() const { return bits >> 8 & 1; }
  uint32_t value() const { return bits & 0x7FFFFFFF; }
  uint32_t label() const { return bits & 0x800000FF; }
  uint32_t offset() const { return bits >> 10 << ((bits & 0x200) >> 6); }
};

}  // namespace

std::string fault_of_charsmap(std::string_view charsmap) {
  uint32_t length = 0;
  if (charsmap.size() < sizeof(length)) return "too short";
  std::memcpy(&length, charsmap.data(), sizeof(length));
  if (length < sizeof(Unit) || length % sizeof(Unit) != 0 ||
      length >= charsmap.size() - sizeof(length)) {
    return "a wrong length";
  }
  std::vector<Unit> units(length / sizeof(Unit));
  std::memcpy(units.data(), charsmap.data() + sizeof(length), length);
  const size_t texts = charsmap.size() - sizeof(length) - length;
  std::vector<bool> seen(units.size());
  std::vector<size_t> bases = {units[0].offset()};
  while (!bases.empty()) {
    const size_t base = bases.back();
    bases.pop_back();
    if ((base | 0xFF) >= units.size()) return "a step out of the trie";
    for (uint32_t byte = 1; byte < 256; ++byte) {
      const size_t at = base ^ byte;
      if (units[at].label() != byte || seen[at]) continue;
      seen[at] = true;
      const size_t next = at ^ units[at].offset();
      bases.push_back(next);
      if (units[at].has_leaf() && (next >= units.size() || units[next].value() >= texts)) {
        return "a text out of the table";
      }
    }
  }
  return charsmap.back() == '\0' ? "" : "a text without end";
}

std::string sentence_piece_model(const TokenizerJson& json, std::string_view charsmap) {
  const int64_t unknown = json.model.number("unk_id", -1);
  const auto size = static_cast<int64_t>(json.scores.size());
  if (unknown < 0 || unknown >= size) {
    refuse(json, "model.unk_id", std::to_string(unknown), "the id of the unknown token");
  }
  std::set<size_t> added;
  for (const AddedToken& token : json.added) added.insert(static_cast<size_t>(token.id));
  const bool byte_fallback = json.model.flag("byte_fallback", false);
  Message model;
  for (size_t id = 0; id < json.scores.size(); ++id) {
    Message piece;
    piece.bytes(1, json.tokens[id]);
    piece.real(2, json.scores[id]);
    piece.number(3, static_cast<int64_t>(id) == unknown         ? kUnknown
                    : added.contains(id)                        ? kControl
                    : byte_fallback && is_byte(json.tokens[id]) ? kByte
                                                                : kNormal);
    model.bytes(1, piece.done());
  }
  Message trainer;
  trainer.number(3, 1);  // unigram
  trainer.number(35, byte_fallback);
  trainer.number(40, static_cast<uint64_t>(unknown));
  trainer.bytes(45, json.tokens[static_cast<size_t>(unknown)]);
  model.bytes(2, trainer.done());
  Message normalizer;
  normalizer.bytes(2, charsmap);
  model.bytes(3, normalizer.done());
  return model.done();
}

std::unique_ptr<Tokenizer> unigram_from(const TokenizerJson& json) {
  const bool keeps_last = keeps_last_space(json);
  const std::string charsmap =
      from_base64(json, json.normalizers.front().text("precompiled_charsmap", ""));
  if (const std::string fault = fault_of_charsmap(charsmap); !fault.empty()) {
    refuse(json, "precompiled_charsmap", fault, "a table as SentencePiece makes it");
  }
  const auto any = [&](const std::array<const char*, 2>& names) {
    return std::max(json.id_of(names[0]), json.id_of(names[1]));
  };
  PieceSettings settings{.keeps_last_space = keeps_last};
  settings.added = json.added;
  settings.tokens = json.tokens;
  settings.special = {.begin = json.id_of(json.begin),
                      .end = json.id_of(json.end),
                      .pad = any({"<pad>", "[PAD]"}),
                      .unknown = static_cast<int32_t>(json.model.number("unk_id", -1)),
                      .mask = any({"<mask>", "[MASK]"})};
  return std::make_unique<SentencePiece>(sentence_piece_model(json, charsmap), json.name, settings);
}

}  // namespace vistas::text
