// vistas info of a file of texts.
#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "vistas/app/texts.h"
#include "vistas/look/table.h"
#include "vistas/look/text.h"
#include "vistas/text/sources/layout.h"
#include "vistas/text/sources/text_file.h"
#include "vistas/text/tokenizers/token_counts.h"

namespace vistas::app {

int info_texts(const Context& context, const std::string& path) {
  const text::TextFile file(path);
  const text::Layout layout = text::detect_layout(file);
  look::Table table({"texts", path});
  table.add({"rows", look::format_count(file.size())});
  table.add({"columns", text::describe(layout, file)});
  nlohmann::json columns = nlohmann::json::object();
  std::vector<std::string> fields;
  for (const int64_t column : layout.texts) {
    int64_t characters = 0, words = 0, longest = 0;
    std::unordered_set<std::string> distinct;
    for (int64_t row = 0; row < file.size(); ++row) {
      file.read(row, fields);
      const std::string& field = fields[static_cast<size_t>(column)];
      const text::TextLength length = text::length_of(field);
      characters += length.characters;
      longest = std::max(longest, length.characters);
      words += length.words;
      distinct.insert(field);
    }
    const std::string& name = file.columns()[static_cast<size_t>(column)];
    const auto rows = static_cast<double>(file.size());
    table.add({name, fmt::format(
                         "{:.1f} words, {:.0f} characters on average, {} at most; {} distinct",
                         static_cast<double>(words) / rows, static_cast<double>(characters) / rows,
                         longest, look::format_count(static_cast<int64_t>(distinct.size())))});
    columns[name] = {{"words", words},
                     {"characters", characters},
                     {"longest", longest},
                     {"distinct", distinct.size()}};
  }
  if (file.bad().count > 0) table.add({"bad", look::counted(file.bad().count, "line")});
  context.print(table.str(context.color, context.width) + "\n");
  if (!file.left_out().empty()) context.print(file.left_out() + "\n");
  context.write_json({{"kind", "texts"},
                      {"rows", file.size()},
                      {"layout", text::describe(layout, file)},
                      {"columns", columns},
                      {"bad", file.bad().count},
                      {"first_bad", file.bad().first}});
  return 0;
}

}  // namespace vistas::app
