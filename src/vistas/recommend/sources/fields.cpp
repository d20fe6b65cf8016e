#include "vistas/recommend/sources/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "vistas/base/error.h"
#include "vistas/base/options.h"

namespace vistas::recommend {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

void split_blanks(std::string_view line, LineFields& out) {
  for (size_t at = 0; at < line.size();) {
    while (at < line.size() && is_blank(line[at])) ++at;
    const size_t begin = at;
    while (at < line.size() && !is_blank(line[at])) ++at;
    if (at > begin) out.at.push_back(line.substr(begin, at - begin));
  }
}

void split_colons(std::string_view line, LineFields& out) {
  for (bool more = true; more;) {
    const size_t end = line.find("::");
    out.at.push_back(without_blanks(line.substr(0, end)));
    more = end != std::string_view::npos;
    if (more) line.remove_prefix(end + 2);
  }
}

void split_plain(std::string_view line, char separator, LineFields& out) {
  for (size_t at = 0; at <= line.size();) {
    const size_t end = std::min(line.find(separator, at), line.size());
    out.at.push_back(without_blanks(line.substr(at, end - at)));
    at = end + 1;
  }
}

// The field in quotes at the front of `rest`, which it is taken off.
std::string_view take_quoted(std::string_view& rest, LineFields& out, std::string_view& wrong) {
  rest.remove_prefix(1);
  bool doubled = false;
  size_t end = 0;
  for (; end < rest.size(); ++end) {
    if (rest[end] != '"') continue;
    if (end + 1 >= rest.size() || rest[end + 1] != '"') break;
    doubled = true;
    ++end;
  }
  if (end >= rest.size()) {
    wrong = "a quote that is not closed";
    return {};
  }
  const std::string_view raw = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  if (!doubled) return raw;
  std::string& text = out.unquoted.emplace_back();
  for (size_t i = 0; i < raw.size(); ++i) {
    text += raw[i];
    i += raw[i] == '"';
  }
  return text;
}

std::string_view split_quoted(std::string_view rest, char separator, LineFields& out) {
  for (bool more = true; more;) {
    while (!rest.empty() && rest[0] == ' ') rest.remove_prefix(1);
    std::string_view field, wrong;
    if (rest.starts_with('"')) {
      field = take_quoted(rest, out, wrong);
      if (!wrong.empty()) return wrong;
    }
    const size_t end = rest.find(separator);
    const std::string_view plain = without_blanks(rest.substr(0, end));
    if (field.data() != nullptr && !plain.empty()) return "text after a closing quote";
    out.at.push_back(field.data() != nullptr ? field : plain);
    more = end != std::string_view::npos;
    if (more) rest.remove_prefix(end + 1);
  }
  return "";
}

}  // namespace

std::string name_of(Separator separator) {
  for (const auto& [name, value] : separators()) {
    if (value == separator) return name;
  }
  return "";
}

std::string_view without_blanks(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view split_fields(std::string_view line, Separator separator, LineFields& out) {
  out.at.clear();
  out.unquoted.clear();
  const char sign = separator == Separator::comma ? ',' : separator == Separator::bar ? '|' : ';';
  if (separator == Separator::blanks) {
    split_blanks(line, out);
  } else if (separator == Separator::colons) {
    split_colons(line, out);
  } else if (separator == Separator::tab) {
    split_plain(line, '\t', out);
  } else if (line.find('"') == std::string_view::npos) {
    split_plain(line, sign, out);
  } else {
    return split_quoted(line, sign, out);
  }
  return "";
}

std::string_view take_line(std::string_view& rest) {
  const size_t end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::vector<std::string_view> first_lines(std::string_view content, size_t count) {
  std::vector<std::string_view> lines;
  while (!content.empty() && lines.size() < count) {
    const std::string_view line = take_line(content);
    if (!without_blanks(line).empty()) lines.push_back(line);
  }
  return lines;
}

Separator separator_of(const std::vector<std::string_view>& lines) {
  LineFields fields;
  for (const auto& [name, separator] : separators()) {
    if (separator == Separator::blanks || lines.empty()) break;
    split_fields(lines[0], separator, fields);
    const size_t first = fields.at.size();
    const auto alike = std::ranges::count_if(lines, [&, kind = separator](std::string_view line) {
      return split_fields(line, kind, fields).empty() && fields.at.size() == first;
    });
    if (first > 1 && 2 * alike > static_cast<ptrdiff_t>(lines.size())) return separator;
  }
  return Separator::blanks;
}

Separator separator_of(const std::string& extension, const std::vector<std::string_view>& lines) {
  const Separator found = separator_of(lines);
  if (found == Separator::semicolon && extension == ".csv") return found;
  return extension == ".csv" ? Separator::comma : extension == ".tsv" ? Separator::tab : found;
}

bool is_number(std::string_view text, double& value) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && stop == end &&
         std::abs(value) <= std::numeric_limits<float>::max();
}

bool is_typed_header(const LineFields& fields) {
  return std::ranges::all_of(fields.at, [](std::string_view field) {
    const size_t colon = field.rfind(':');
    if (colon == std::string_view::npos || colon == 0) return false;
    const std::string_view type = field.substr(colon + 1);
    return type == "token" || type == "token_seq" || type == "float" || type == "float_seq";
  });
}

bool is_header(const std::string& option, const std::vector<std::string_view>& lines,
               Separator separator, bool (*known)(const std::vector<std::string>& names)) {
  if (option != "auto" || lines.empty()) return option == "yes";
  LineFields fields;
  double value = 0;
  split_fields(lines[0], separator, fields);
  const size_t columns = fields.at.size();
  for (const std::string_view field : fields.at) {
    if (is_number(field, value)) return false;
  }
  if (known({fields.at.begin(), fields.at.end()})) return true;
  std::vector<size_t> numbers(columns);
  for (const std::string_view line : lines) {
    split_fields(line, separator, fields);
    for (size_t i = 0; i < std::min(columns, fields.at.size()); ++i) {
      numbers[i] += is_number(fields.at[i], value);
    }
  }
  return lines.size() > 1 && std::ranges::find(numbers, lines.size() - 1) != numbers.end();
}

std::vector<std::string> first_fields(std::string_view line, Separator separator,
                                      const std::string& file) {
  LineFields fields;
  const std::string_view wrong = split_fields(line, separator, fields);
  if (wrong.empty()) return {fields.at.begin(), fields.at.end()};
  throw Error(ErrorKind::data,
              {.what = file + ": the first line, which says what columns there are",
               .got = std::string(wrong),
               .fix = "Mend the line"});
}

std::vector<std::string> numbered_names(size_t count) {
  std::vector<std::string> names(count);
  for (size_t i = 0; i < count; ++i) names[i] = fmt::format("column {}", i + 1);
  return names;
}

int find_column(const std::string& column, const std::vector<std::string>& names,
                const std::string& file) {
  const auto found = std::ranges::find(names, column);
  if (found != names.end()) return static_cast<int>(found - names.begin());
  int number = 0;
  const char* end = column.data() + column.size();
  const auto [stop, error] = std::from_chars(column.data(), end, number);
  if (error == std::errc{} && stop == end && number >= 1 &&
      number <= static_cast<int>(names.size())) {
    return number - 1;
  }
  throw Error(ErrorKind::usage,
              {.what = fmt::format("{}: no column '{}'", file, column),
               .expected = fmt::format("a name or a number from 1 to {}", names.size()),
               .fix = did_you_mean(column, names)});
}

}  // namespace vistas::recommend
