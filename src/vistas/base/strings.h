// Small questions about bytes of text.
#pragma once

#include <string>
#include <string_view>

namespace vistas {

// Where the first byte is that is no UTF-8; npos if there is none.
size_t find_invalid_utf8(std::string_view text);

std::string ascii_lower(std::string text);

}  // namespace vistas
