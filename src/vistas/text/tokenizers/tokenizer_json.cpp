#include "vistas/text/tokenizers/tokenizer_json.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "vistas/base/error.h"

namespace vistas::text {
namespace {

using Json = nlohmann::json;

constexpr std::array kPostProcessors = {"TemplateProcessing", "BertProcessing", "RobertaProcessing",
                                        "ByteLevel", "Sequence"};
constexpr int64_t kMostIds = 10'000'000;  // a larger id is a damaged file

Error bad(const std::string& what, const std::string& got, const std::string& expected) {
  return Error(ErrorKind::data, {.what = what, .got = got, .expected = expected});
}

Json parsed(std::string_view text, const std::string& name) {
  try {
    return Json::parse(text);
  } catch (const Json::exception& e) {
    throw bad(name, fmt::format("no JSON ({})", e.what()), "a JSON file as Hugging Face writes it");
  }
}

// A member, null where it is absent or null.
const Json& member(const Json& object, const char* key) {
  static const Json null;
  if (!object.is_object()) return null;
  const auto found = object.find(key);
  return found == object.end() ? null : *found;
}

std::string text_of(const Json& value, const std::string& fallback) {
  return value.is_string() ? value.get<std::string>() : fallback;
}

bool is_true(const Json& value) {
  return value.is_boolean() && value.get<bool>();
}

void take_members(const Json& object, const std::string& prefix, TokenizerPart& part) {
  for (const auto& [key, value] : object.items()) {
    if (value.is_boolean()) part.members[prefix + key] = value.get<bool>();
    if (value.is_number_integer()) part.members[prefix + key] = value.get<int64_t>();
    if (value.is_string()) part.members[prefix + key] = value.get<std::string>();
    if (value.is_number_float()) part.members[prefix + key] = value.dump();
    if (value.is_object() && key == "pattern") take_members(value, key + ".", part);
  }
}

void take_parts(const Json& value, const char* list, const std::string& what,
                std::vector<TokenizerPart>& out) {
  if (value.is_null()) return;
  const std::string type = text_of(member(value, "type"), "");
  if (type.empty()) throw bad(what, "no type", "an object with a type, or null");
  if (type == "Sequence") {
    for (const Json& part : member(value, list)) {
      if (text_of(member(part, "type"), "") == "Sequence") {
        throw bad(what, "a Sequence in a Sequence", "one Sequence");
      }
      take_parts(part, list, what, out);
    }
    return;
  }
  take_members(value, "", out.emplace_back(TokenizerPart{type}));
}

void put(TokenizerJson& out, const Json& id, const std::string& token) {
  if (!id.is_number_integer() || id < 0 || id >= kMostIds) {
    throw bad(fmt::format("{}: id of \"{}\"", out.name, token), id.dump(), "a whole number from 0");
  }
  const auto at = id.get<size_t>();
  if (at >= out.tokens.size()) out.tokens.resize(at + 1);
  if (!out.tokens[at].empty() && out.tokens[at] != token) {
    throw bad(fmt::format("{}: id {}", out.name, at),
              fmt::format("\"{}\" and \"{}\"", out.tokens[at], token), "one token");
  }
  out.tokens[at] = token;
}

// An object of tokens and ids, or a list of tokens with scores.
void take_vocabulary(const Json& vocabulary, TokenizerJson& out) {
  if (vocabulary.is_object()) {
    for (const auto& [token, id] : vocabulary.items()) put(out, id, token);
    return;
  }
  if (!vocabulary.is_array()) {
    throw bad(out.name + ": model.vocab", vocabulary.type_name(), "an object of tokens and ids");
  }
  for (const Json& item : vocabulary) {
    if (!item.is_array() || item.size() != 2 || !item[0].is_string() || !item[1].is_number()) {
      throw bad(fmt::format("{}: model.vocab[{}]", out.name, out.tokens.size()), item.dump(),
                "a token and its score");
    }
    out.tokens.push_back(item[0].get<std::string>());
    out.scores.push_back(item[1].get<float>());
    if (!std::isfinite(out.scores.back())) {
      throw bad(fmt::format("{}: score of \"{}\"", out.name, out.tokens.back()), item[1].dump(),
                "a finite number");
    }
  }
}

// Each is "a b" or ["a", "b"].
void take_merges(const Json& merges, TokenizerJson& out) {
  for (const Json& item : merges) {
    std::string a, b;
    if (item.is_string()) {
      const auto text = item.get<std::string>();
      const size_t space = std::min(text.find(' '), text.size());
      a = text.substr(0, space);
      b = text.substr(std::min(space + 1, text.size()));
    } else if (item.is_array() && item.size() == 2) {
      a = text_of(item[0], "");
      b = text_of(item[1], "");
    }
    if (a.empty() || b.empty()) {
      throw bad(fmt::format("{}: model.merges[{}]", out.name, out.merges.size()), item.dump(),
                "two tokens");
    }
    out.merges.emplace_back(std::move(a), std::move(b));
  }
}

void take_added(const Json& list, TokenizerJson& out) {
  if (list.is_null()) return;
  if (!list.is_array()) throw bad(out.name + ": added_tokens", list.type_name(), "a list");
  for (const Json& item : list) {
    const std::string text = text_of(member(item, "content"), "");
    put(out, member(item, "id"), text);
    if (is_true(member(item, "single_word"))) {
      throw bad(fmt::format("{}: added token \"{}\"", out.name, text), "single_word = true",
                "false: true is not supported");
    }
    out.added_after_normalizer |= is_true(member(item, "normalized"));
    out.added.push_back({text, member(item, "id").get<int32_t>(), is_true(member(item, "lstrip")),
                         is_true(member(item, "rstrip"))});
  }
}

void take_mark(const std::string& token, std::string& mark, const std::string& name) {
  if (token.empty()) return;
  if (!mark.empty()) {
    throw bad(name + ": post_processor", mark + " and " + token,
              "one token before and one after a text");
  }
  mark = token;
}

// BertProcessing and RobertaProcessing have ["</s>", 2] as "sep" and ["<s>", 0] as "cls";
// TemplateProcessing has a list "single" of tokens before and after the text.
void take_marks(const Json& post, TokenizerJson& out) {
  if (post.is_null()) return;
  const std::string type = text_of(member(post, "type"), "no type");
  const auto& known = kPostProcessors;
  if (std::find(known.begin(), known.end(), type) == known.end()) {
    throw bad(out.name + ": post_processor", type, fmt::format("{}", fmt::join(known, ", ")));
  }
  const auto first = [](const Json& pair) {
    return pair.is_array() && !pair.empty() ? text_of(pair[0], "") : "";
  };
  take_mark(first(member(post, "cls")), out.begin, out.name);
  take_mark(first(member(post, "sep")), out.end, out.name);
  bool before = true;
  for (const Json& item : member(post, "single")) {
    const Json& token = member(item, "SpecialToken");
    before = before && !token.is_null();
    take_mark(text_of(member(token, "id"), ""), before ? out.begin : out.end, out.name);
  }
  for (const Json& part : member(post, "processors")) take_marks(part, out);
}

}  // namespace

bool TokenizerPart::flag(const std::string& key, bool fallback) const {
  const auto found = members.find(key);
  const bool* value = found == members.end() ? nullptr : std::get_if<bool>(&found->second);
  return value ? *value : fallback;
}

int64_t TokenizerPart::number(const std::string& key, int64_t fallback) const {
  const auto found = members.find(key);
  const int64_t* value = found == members.end() ? nullptr : std::get_if<int64_t>(&found->second);
  return value ? *value : fallback;
}

std::string TokenizerPart::text(const std::string& key, const std::string& fallback) const {
  const auto found = members.find(key);
  const std::string* value =
      found == members.end() ? nullptr : std::get_if<std::string>(&found->second);
  return value ? *value : fallback;
}

int32_t TokenizerJson::id_of(const std::string& token) const {
  const auto found = std::find(tokens.begin(), tokens.end(), token);
  return token.empty() || found == tokens.end() ? -1 : static_cast<int32_t>(found - tokens.begin());
}

void refuse(const TokenizerJson& json, const std::string& what, const std::string& got,
            const std::string& expected) {
  throw bad(json.name + ": " + what, got, expected);
}

TokenizerPart parse_members(std::string_view json, const std::string& name) {
  TokenizerPart part;
  if (const Json root = parsed(json, name); root.is_object()) take_members(root, "", part);
  return part;
}

TokenizerJson parse_tokenizer_json(std::string_view json, const std::string& name) {
  const Json root = parsed(json, name);
  if (const std::string version = text_of(member(root, "version"), "none"); version != "1.0") {
    throw bad(name + ": version", version, "1.0");
  }
  TokenizerJson out;
  out.name = name;
  const Json& model = member(root, "model");
  out.model.type = text_of(member(model, "type"), model.is_null() ? "none" : "no type");
  if (model.is_object()) take_members(model, "", out.model);
  take_vocabulary(member(model, "vocab"), out);
  take_merges(member(model, "merges"), out);
  take_added(member(root, "added_tokens"), out);
  take_parts(member(root, "normalizer"), "normalizers", name + ": normalizer", out.normalizers);
  take_parts(member(root, "pre_tokenizer"), "pretokenizers", name + ": pre_tokenizer",
             out.pre_tokenizers);
  take_marks(member(root, "post_processor"), out);
  return out;
}

}  // namespace vistas::text
