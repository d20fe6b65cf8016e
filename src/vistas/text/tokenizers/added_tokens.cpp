#include "vistas/text/tokenizers/added_tokens.h"

#include <algorithm>

namespace vistas::text {

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  std::erase_if(tokens_, [](const AddedToken& token) { return token.text.empty(); });
  std::stable_sort(tokens_.begin(), tokens_.end(), [](const AddedToken& a, const AddedToken& b) {
    return a.text.size() > b.text.size();
  });
  for (const AddedToken& token : tokens_) {
    begins_[static_cast<unsigned char>(token.text.front())] = true;
  }
}

const AddedToken* AddedTokens::starting_with(std::string_view text) const {
  if (!begins_[static_cast<unsigned char>(text.front())]) return nullptr;
  const auto found = std::find_if(tokens_.begin(), tokens_.end(), [&](const AddedToken& token) {
    return text.starts_with(token.text);
  });
  return found == tokens_.end() ? nullptr : &*found;
}

}  // namespace vistas::text
