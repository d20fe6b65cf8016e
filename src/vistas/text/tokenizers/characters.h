// What tokenizers ask of Unicode characters.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace vistas::text {

// The first character of `text`, which must not be empty, and its length in bytes. A byte that
// begins no valid UTF-8 is U+FFFD of length one.
struct Character {
  char32_t code = 0;
  size_t length = 0;
};
Character first_character(std::string_view text);

// The text itself, or a copy in `storage` where bytes that are no UTF-8 are U+FFFD.
std::string_view valid_utf8(std::string_view text, std::string& storage);

void append_utf8(char32_t code, std::string& out);

bool is_space(char32_t code);        // the property White_Space
bool is_control(char32_t code);      // general category Cc, Cf, Cs or Co
bool is_punctuation(char32_t code);  // P*, and all ASCII that is neither letter, digit nor space
bool is_letter(char32_t code);       // L*
bool is_number(char32_t code);       // N*
bool is_nonspacing_mark(char32_t code);  // Mn
bool is_word_character(char32_t code);   // letters (L*), numbers (N*) and _: \w of Python
bool is_ideograph(char32_t code);        // the blocks that BERT splits, as `tokenizers` has them
// A letter of a script that is written without spaces between words (ideographs, kana, Thai, Lao,
// Khmer, Burmese); marks above and below such letters are none.
bool is_unspaced(char32_t code);
int combining_class(char32_t code);
char32_t to_lower(char32_t code);  // U+0130 alone becomes two characters, which is not done here

std::string_view without_first_spaces(std::string_view text);
std::string_view without_last_spaces(std::string_view text);

}  // namespace vistas::text
