// How finely a tokenizer cuts texts.
#pragma once

#include <cstdint>
#include <span>

#include "vistas/text/tokenizers/tokenizer.h"
#include "vistas/text/tokenizers/train_vocabulary.h"

namespace vistas::text {

struct TokenCounts {
  int64_t texts = 0, words = 0, characters = 0, tokens = 0;
  int64_t unknown = 0;  // of the tokens
};

// Of at most `rows` rows, spread over all. Words stand between spaces; the characters are all of a
// text.
TokenCounts count_tokens(const Tokenizer& tokenizer, std::span<const TextColumns> texts,
                         int64_t rows);

}  // namespace vistas::text
