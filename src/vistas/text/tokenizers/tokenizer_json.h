// What a tokenizer.json of Hugging Face says, for whoever makes a tokenizer of it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "vistas/text/tokenizers/added_tokens.h"

namespace vistas::text {

// A normalizer, a pre-tokenizer or a model: its type and its members that are single values. A
// member of a member is "pattern.Regex".
struct TokenizerPart {
  std::string type;
  std::map<std::string, std::variant<bool, int64_t, std::string>> members{};

  bool flag(const std::string& name, bool fallback) const;
  int64_t number(const std::string& name, int64_t fallback) const;
  std::string text(const std::string& name, const std::string& fallback) const;
};

// The single values of a JSON object; a data error for what is no JSON.
TokenizerPart parse_members(std::string_view json, const std::string& name);

struct TokenizerJson {
  std::string name;  // for errors
  TokenizerPart model;
  std::vector<std::string> tokens;  // by id, "" where there is none; added ones among them
  std::vector<float> scores;        // of the first tokens, where the model has scores
  std::vector<std::pair<std::string, std::string>> merges;  // in the order of their rank
  std::vector<AddedToken> added;
  bool added_after_normalizer = false;  // some are to be found in the normalised text
  // The members of a "Sequence" one by one; empty for null.
  std::vector<TokenizerPart> normalizers, pre_tokenizers;
  std::vector<std::string> post_processors;  // their types
  std::string begin, end;                    // the tokens that they put around a text, "" for none

  int32_t id_of(const std::string& token) const;  // -1 if there is none
};

// Throws a data error that names `name` and the place where something is not as it should be.
TokenizerJson parse_tokenizer_json(std::string_view json, const std::string& name);

// Throws a data error: `what` in the file is `got`.
[[noreturn]] void refuse(const TokenizerJson& json, const std::string& what, const std::string& got,
                         const std::string& expected);

}  // namespace vistas::text
