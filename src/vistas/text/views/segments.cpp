#include "vistas/text/views/segments.h"

#include <algorithm>
#include <array>

#include "vistas/text/tokenizers/characters.h"

namespace vistas::text {
namespace {

constexpr std::array<std::string_view, 16> kAbbreviations{"Mr",  "Mrs", "Ms", "Dr",  "Prof", "St",
                                                          "Jr",  "Sr",  "vs", "etc", "e.g",  "i.e",
                                                          "z.B", "No",  "Nr", "Fig"};

bool is_wide_end(char32_t c) {
  return c == U'\u3002' || c == U'\uFF01' || c == U'\uFF1F';
}
bool is_end(char32_t c) {
  return c == U'.' || c == U'!' || c == U'?' || c == U'\u2026' || is_wide_end(c);
}
bool is_closing(char32_t c) {
  constexpr std::u32string_view closing = U"\"')]}\u2019\u201D\u00BB\u300D\u300F\uFF09";
  return closing.find(c) != std::u32string_view::npos;
}

bool holds_word(std::string_view text) {
  while (!text.empty()) {
    const Character c = first_character(text);
    if (is_letter(c.code) || is_number(c.code)) return true;
    text.remove_prefix(c.length);
  }
  return false;
}

void keep(std::string_view part, std::vector<std::string_view>& out) {
  part = without_first_spaces(without_last_spaces(part));
  if (holds_word(part)) out.push_back(part);
}

// Whether a dot behind `text` belongs to its last word.
bool is_abbreviated(std::string_view text) {
  const size_t space = text.find_last_of(" \t(\"'");
  const std::string_view word = space == std::string_view::npos ? text : text.substr(space + 1);
  if (word.empty()) return false;
  const Character first = first_character(word);
  return (first.length == word.size() && is_letter(first.code)) ||
         std::find(kAbbreviations.begin(), kAbbreviations.end(), word) != kAbbreviations.end();
}

// Whether a sentence can begin with `rest`, behind the space that follows another.
bool may_begin(std::string_view rest) {
  while (!rest.empty()) {
    const Character c = first_character(rest);
    if (is_letter(c.code)) return to_lower(c.code) != c.code || is_unspaced(c.code);
    if (is_number(c.code)) return true;
    rest.remove_prefix(c.length);
  }
  return true;
}

// Bytes of the first sentence of a paragraph, which must not be empty.
size_t first_sentence(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    Character c = first_character(text.substr(at));
    const size_t mark = at;
    at += c.length;
    if (!is_end(c.code)) continue;
    const bool dot = c.code == U'.';
    bool wide = false;
    do {
      wide = wide || is_wide_end(c.code);
      if (at == text.size()) return at;
      c = first_character(text.substr(at));
      if (is_end(c.code) || is_closing(c.code)) at += c.length;
    } while (is_end(c.code) || is_closing(c.code));
    if (wide) return at;
    if (!is_space(c.code) || (dot && is_abbreviated(text.substr(0, mark)))) continue;
    if (may_begin(text.substr(at))) return at;
  }
  return text.size();
}

// Bytes of a line break at the beginning of `text`; 0 if there is none.
size_t line_break(std::string_view text) {
  if (text.front() == '\n' || text.front() == '\r') return 1;
  for (const std::string_view tag : {"<br />", "<br/>", "<br>"}) {
    if (text.starts_with(tag)) return tag.size();
  }
  return 0;
}

}  // namespace

std::vector<std::string_view> paragraphs_of(std::string_view text) {
  std::vector<std::string_view> out;
  size_t begin = 0, at = 0;
  while (at < text.size()) {
    const size_t length = line_break(text.substr(at));
    if (length > 0) {
      keep(text.substr(begin, at - begin), out);
      begin = at + length;
    }
    at += std::max<size_t>(length, 1);
  }
  keep(text.substr(begin), out);
  return out;
}

std::vector<std::string_view> sentences_of(std::string_view text) {
  std::vector<std::string_view> out;
  for (std::string_view rest : paragraphs_of(text)) {
    while (!rest.empty()) {
      const size_t length = first_sentence(rest);
      keep(rest.substr(0, length), out);
      rest.remove_prefix(length);
    }
  }
  return out;
}

}  // namespace vistas::text
