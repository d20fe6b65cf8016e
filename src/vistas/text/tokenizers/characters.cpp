#include "vistas/text/tokenizers/characters.h"

#include <utf8proc.h>

namespace vistas::text {
namespace {

utf8proc_category_t category(char32_t code) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(code));
}

bool within(char32_t code, char32_t first, char32_t last) {
  return code >= first && code <= last;
}

}  // namespace

Character first_character(std::string_view text) {
  utf8proc_int32_t code = 0;
  const utf8proc_ssize_t length =
      utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                       static_cast<utf8proc_ssize_t>(text.size()), &code);
  if (length <= 0) return {0xFFFD, 1};
  return {static_cast<char32_t>(code), static_cast<size_t>(length)};
}

std::string_view valid_utf8(std::string_view text, std::string& storage) {
  const auto valid = [&] {
    for (size_t at = 0; at < text.size();) {
      if (static_cast<unsigned char>(text[at]) < 0x80) {
        ++at;
        continue;
      }
      const size_t length = first_character(text.substr(at)).length;
      if (length == 1) return false;
      at += length;
    }
    return true;
  };
  if (valid()) return text;
  storage.clear();
  while (!text.empty()) {
    const Character c = first_character(text);
    append_utf8(c.code, storage);
    text.remove_prefix(c.length);
  }
  return storage;
}

void append_utf8(char32_t code, std::string& out) {
  utf8proc_uint8_t bytes[4];
  const utf8proc_ssize_t length = utf8proc_encode_char(static_cast<utf8proc_int32_t>(code), bytes);
  out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(length));
}

bool is_space(char32_t code) {
  return within(code, 0x09, 0x0D) || code == 0x20 || code == 0x85 || code == 0xA0 ||
         code == 0x1680 || within(code, 0x2000, 0x200A) || code == 0x2028 || code == 0x2029 ||
         code == 0x202F || code == 0x205F || code == 0x3000;
}

bool is_control(char32_t code) {
  switch (category(code)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
      return true;
    default:
      return false;
  }
}

bool is_punctuation(char32_t code) {
  if (code < 0x80) {
    return within(code, '!', '/') || within(code, ':', '@') || within(code, '[', '`') ||
           within(code, '{', '~');
  }
  const utf8proc_category_t c = category(code);
  return c >= UTF8PROC_CATEGORY_PC && c <= UTF8PROC_CATEGORY_PO;
}

bool is_letter(char32_t code) {
  const utf8proc_category_t c = category(code);
  return c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LO;
}

bool is_number(char32_t code) {
  const utf8proc_category_t c = category(code);
  return c >= UTF8PROC_CATEGORY_ND && c <= UTF8PROC_CATEGORY_NO;
}

bool is_nonspacing_mark(char32_t code) {
  return category(code) == UTF8PROC_CATEGORY_MN;
}

bool is_word_character(char32_t code) {
  return code == '_' || is_letter(code) || is_number(code);
}

bool is_ideograph(char32_t code) {
  return within(code, 0x4E00, 0x9FFF) || within(code, 0x3400, 0x4DBF) ||
         within(code, 0x20000, 0x2A6DF) || within(code, 0x2A700, 0x2B73F) ||
         within(code, 0x2B740, 0x2B81F) || within(code, 0x2B920, 0x2CEAF) ||
         within(code, 0xF900, 0xFAFF) || within(code, 0x2F800, 0x2FA1F);
}

bool is_unspaced(char32_t code) {
  const bool script = within(code, 0x0E00, 0x0EFF) || within(code, 0x1000, 0x109F) ||
                      within(code, 0x1780, 0x17FF) || within(code, 0x3040, 0x30FF) ||
                      within(code, 0x31F0, 0x31FF) || within(code, 0xFF66, 0xFF9D);
  return is_ideograph(code) || (script && !is_nonspacing_mark(code));
}

int combining_class(char32_t code) {
  return utf8proc_get_property(static_cast<utf8proc_int32_t>(code))->combining_class;
}

std::string_view without_first_spaces(std::string_view text) {
  while (!text.empty()) {
    const Character c = first_character(text);
    if (!is_space(c.code)) break;
    text.remove_prefix(c.length);
  }
  return text;
}

std::string_view without_last_spaces(std::string_view text) {
  while (!text.empty()) {
    size_t begin = text.size() - 1;
    while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
    const Character c = first_character(text.substr(begin));
    if (!is_space(c.code) || begin + c.length != text.size()) break;
    text = text.substr(0, begin);
  }
  return text;
}

char32_t to_lower(char32_t code) {
  return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(code)));
}

}  // namespace vistas::text
