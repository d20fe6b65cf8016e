// What byte-level tokenizers split a text into before they merge bytes.
#pragma once

#include <cstddef>
#include <string_view>

namespace vistas::text {

// The length in bytes of the first part of UTF-8 text, which must not be empty, by the expression
// of GPT-2 (Radford et al. 2019, encoder.py):
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
size_t first_gpt2_part(std::string_view text);

}  // namespace vistas::text
