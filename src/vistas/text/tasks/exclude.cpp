#include "vistas/text/tasks/exclude.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "vistas/text/tasks/eval_sets.h"
#include "vistas/text/tokenizers/characters.h"

namespace vistas::text {
namespace {

// In lower case, one space between words.
std::string normalised(std::string_view text) {
  std::string out;
  bool space = false;
  while (!text.empty()) {
    const Character c = first_character(text);
    text.remove_prefix(c.length);
    if (is_space(c.code)) {
      space = !out.empty();
      continue;
    }
    if (space) out += ' ';
    space = false;
    append_utf8(to_lower(c.code), out);
  }
  return out;
}

}  // namespace

int64_t exclude_texts(TextFile& file, const Layout& layout, const std::vector<std::string>& files) {
  if (files.empty()) return 0;
  std::unordered_set<std::string> known;
  for (const std::string& path : files) {
    for (const std::string& text : read_corpus(path).texts) known.insert(normalised(text));
  }
  return file.remove_rows([&](const std::vector<std::string>& fields) {
    return std::ranges::any_of(layout.texts, [&](int64_t column) {
      return known.contains(normalised(fields[static_cast<size_t>(column)]));
    });
  });
}

}  // namespace vistas::text
