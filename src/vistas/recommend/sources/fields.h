// Lines of tables and their fields.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vistas::recommend {

enum class Separator { colons, tab, comma, semicolon, bar, blanks };

inline std::vector<std::pair<std::string, Separator>> separators() {
  return {{"::", Separator::colons},   {"tab", Separator::tab},
          {"comma", Separator::comma}, {"semicolon", Separator::semicolon},
          {"bar", Separator::bar},     {"blanks", Separator::blanks}};
}
std::string name_of(Separator separator);

// The fields of one line; they live as long as the line and until the next one is split.
struct LineFields {
  std::vector<std::string_view> at;
  std::deque<std::string> unquoted;  // of fields that hold quotes
};

// Blanks around a field are no part of it. Between comma, semicolon and bar a field may stand in
// quotes, "" is one quote then; blanks are any run of spaces and tabs. Returns what is wrong, "" if
// nothing is.
std::string_view split_fields(std::string_view line, Separator separator, LineFields& out);

// Takes the next line off the front, without its end.
std::string_view take_line(std::string_view& rest);
std::string_view without_blanks(std::string_view text);                             // at both ends
std::vector<std::string_view> first_lines(std::string_view content, size_t count);  // not empty

// The first in the order above that gives most of the lines as many fields as the first line, two
// or more; blanks if none does.
Separator separator_of(const std::vector<std::string_view>& lines);

// From the ending .csv or .tsv of a name (without .gz), else as above.
Separator separator_of(const std::string& extension, const std::vector<std::string_view>& lines);

bool is_number(std::string_view text, double& value);  // finite, also as float

// "user_id:token" and so on in every field, as RecBole's files begin.
bool is_typed_header(const LineFields& fields);

// Whether the first line names the columns: "yes", "no", or "auto": `known` is true of its fields,
// or none of them is a number and a column of all other lines is.
bool is_header(const std::string& option, const std::vector<std::string_view>& lines,
               Separator separator, bool (*known)(const std::vector<std::string>& names));

// The fields of the first line of a table; a data error where it cannot be split.
std::vector<std::string> first_fields(std::string_view line, Separator separator,
                                      const std::string& file);
std::vector<std::string> numbered_names(size_t count);  // "column 1", "column 2" ...

// The column of that name, or of that number from 1; a usage error with the nearest names.
int find_column(const std::string& column, const std::vector<std::string>& names,
                const std::string& file);

}  // namespace vistas::recommend
