// Tokens that are found in a text as it stands, before anything else is done with it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vistas/text/tokenizers/characters.h"

namespace vistas::text {

// "[SEP]" in a user's text is the token.
struct AddedToken {
  std::string text;
  int32_t id = -1;
  bool takes_space_before =
      false;                       // "lstrip" and "rstrip" of Hugging Face: spaces beside the token
  bool takes_space_after = false;  // belong to it
};

// The first token from the left counts, of several at one place the longest.
class AddedTokens {
 public:
  explicit AddedTokens(std::vector<AddedToken> tokens);

  // Calls on_text(part) for what lies between the tokens, unless it is empty, and on_token(id).
  template <class OnText, class OnToken>
  void split(std::string_view text, const OnText& on_text, const OnToken& on_token) const {
    size_t begin = 0;
    for (size_t at = 0; at < text.size();) {
      const AddedToken* found = starting_with(text.substr(at));
      if (!found) {
        ++at;
        continue;
      }
      std::string_view before = text.substr(begin, at - begin);
      if (found->takes_space_before) before = without_last_spaces(before);
      if (!before.empty()) on_text(before);
      on_token(found->id);
      at += found->text.size();
      if (found->takes_space_after) {
        at = text.size() - without_first_spaces(text.substr(at)).size();
      }
      begin = at;
    }
    if (begin < text.size()) on_text(text.substr(begin));
  }

 private:
  const AddedToken* starting_with(std::string_view text) const;

  std::vector<AddedToken> tokens_;  // longest first
  std::array<bool, 256> begins_{};  // bytes that tokens begin with
};

}  // namespace vistas::text
