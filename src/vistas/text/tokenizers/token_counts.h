// How finely a tokenizer cuts texts.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "vistas/text/tokenizers/tokenizer.h"
#include "vistas/text/tokenizers/train_vocabulary.h"

namespace vistas::text {

struct TextLength {
  int64_t words = 0;  // what spaces part
  int64_t characters = 0;
};
TextLength length_of(std::string_view text);

struct TokenCounts {
  int64_t texts = 0, words = 0, characters = 0, tokens = 0;
  int64_t unknown = 0;  // of the tokens
};

// Of at most `rows` rows, spread over all.
TokenCounts count_tokens(const Tokenizer& tokenizer, std::span<const TextColumns> texts,
                         int64_t rows);

}  // namespace vistas::text
