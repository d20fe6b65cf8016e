// Any tokenizer as a tokenizer.json of Hugging Face.
#pragma once

#include <cstdint>
#include <string>

#include "vistas/text/tokenizers/tokenizer.h"

namespace vistas::text {

// The file that a tokenizer was read from.
struct TokenizerFile {
  std::string name;  // tokenizer.json, vocab.txt or that of a SentencePiece model
  std::string content;
  std::string config;  // tokenizer_config.json beside it, "" without
};

struct WrittenJson {
  std::string content{};
  // Names there of the special tokens, "" for none.
  std::string begin, end, pad, unknown, mask;
  bool finds_tokens = false;  // whether the names of tokens in a text are the tokens
};

// The library `tokenizers` gives the ids of `tokenizer`, which was read from `file`: with begin and
// end around a text where it is asked for special tokens, at most `longest` (0: all of them). What
// cannot be expressed is a data error.
WrittenJson to_tokenizer_json(const Tokenizer& tokenizer, const TokenizerFile& file,
                              int64_t longest);

}  // namespace vistas::text
