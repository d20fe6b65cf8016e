#include "vistas/text/tokenizers/gpt2_parts.h"

#include <cstdint>

#include "vistas/text/tokenizers/characters.h"

namespace vistas::text {
namespace {

enum class Kind : uint8_t { letter, number, space, other };

Kind kind_of(char32_t code) {
  if (code < 0x80) {
    if ((code | 0x20) >= 'a' && (code | 0x20) <= 'z') return Kind::letter;
    if (code >= '0' && code <= '9') return Kind::number;
    return is_space(code) ? Kind::space : Kind::other;
  }
  if (is_space(code)) return Kind::space;
  if (is_letter(code)) return Kind::letter;
  return is_number(code) ? Kind::number : Kind::other;
}

// Bytes of the characters of one kind that `text` begins with.
size_t length_of(Kind kind, std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const Character c = first_character(text.substr(at));
    if (kind_of(c.code) != kind) break;
    at += c.length;
  }
  return at;
}

}  // namespace

size_t first_gpt2_part(std::string_view text) {
  for (const std::string_view ending : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}) {
    if (text.starts_with(ending)) return ending.size();
  }
  const size_t space = text.front() == ' ';
  if (space < text.size()) {
    const Kind kind = kind_of(first_character(text.substr(space)).code);
    if (kind != Kind::space) return space + length_of(kind, text.substr(space));
  }
  // The last of several spaces before a word is left for the next part.
  const size_t length = length_of(Kind::space, text);
  if (length == text.size()) return length;
  size_t last = length - 1;
  while ((static_cast<unsigned char>(text[last]) & 0xC0) == 0x80) --last;
  return last > 0 ? last : length;
}

}  // namespace vistas::text
