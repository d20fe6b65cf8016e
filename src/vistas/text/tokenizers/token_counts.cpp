#include "vistas/text/tokenizers/token_counts.h"

#include <algorithm>

#include "vistas/text/tokenizers/characters.h"

namespace vistas::text {
namespace {

void count(const Tokenizer& tokenizer, std::string_view text, TokenCounts& counts) {
  std::vector<int32_t> ids;
  tokenizer.append(text, ids);
  ++counts.texts;
  counts.tokens += static_cast<int64_t>(ids.size());
  counts.unknown += std::ranges::count(ids, tokenizer.special().unknown);
  const TextLength length = length_of(text);
  counts.words += length.words;
  counts.characters += length.characters;
}

}  // namespace

TextLength length_of(std::string_view text) {
  TextLength out;
  for (bool in_word = false; !text.empty();) {
    const Character c = first_character(text);
    text.remove_prefix(c.length);
    ++out.characters;
    out.words += !in_word && !is_space(c.code);
    in_word = !is_space(c.code);
  }
  return out;
}

TokenCounts count_tokens(const Tokenizer& tokenizer, std::span<const TextColumns> texts,
                         int64_t rows) {
  int64_t all = 0;
  for (const TextColumns& part : texts) all += part.file->size();
  const int64_t looked = std::min(rows, all);
  TokenCounts counts;
  std::vector<std::string> fields;
  size_t file = 0;
  int64_t before = 0;  // rows of the files before this one
  for (int64_t i = 0; i < looked; ++i) {
    const int64_t row = i * all / looked;
    while (row - before >= texts[file].file->size()) before += texts[file++].file->size();
    texts[file].file->read(row - before, fields);
    for (const int64_t column : texts[file].columns) {
      count(tokenizer, fields.at(static_cast<size_t>(column)), counts);
    }
  }
  return counts;
}

}  // namespace vistas::text
