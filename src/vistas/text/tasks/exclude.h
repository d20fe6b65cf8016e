// Keeps the texts that an encoder will be measured on out of those it learns from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vistas/text/sources/layout.h"
#include "vistas/text/sources/text_file.h"

namespace vistas::text {

// Removes the rows with a text that one of `files` (of any layout) has too, and returns how many
// there were. Case and the number of spaces do not count.
int64_t exclude_texts(TextFile& file, const Layout& layout, const std::vector<std::string>& files);

}  // namespace vistas::text
