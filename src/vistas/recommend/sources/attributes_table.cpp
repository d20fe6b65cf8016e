#include <fmt/format.h>

#include <algorithm>

#include "vistas/base/error.h"
#include "vistas/base/strings.h"
#include "vistas/recommend/sources/attribute_collector.h"
#include "vistas/recommend/sources/layout.h"

namespace vistas::recommend {
namespace {

constexpr size_t kLinesLookedAt = 100;

enum class Kind { unused, item, category, list, number };

struct Table {
  Separator separator = Separator::tab;
  bool header = false, typed = false;
  std::vector<std::string> names;
  std::vector<Kind> kinds;
  size_t item = 0;
};

// Calls take(line number, fields) for each good line and bad(line number, wrong) for the others.
template <class Take, class Bad>
void each_line(std::string_view text, const Table& table, const Take& take, const Bad& bad) {
  LineFields fields;
  bool header = table.header;
  for (int64_t number = 1; !text.empty(); ++number) {
    const std::string_view line = take_line(text);
    if (without_blanks(line).empty() || std::exchange(header, false)) continue;
    if (const size_t at = find_invalid_utf8(line); at != std::string_view::npos) {
      bad(number, fmt::format("byte {} is no UTF-8", at + 1));
    } else if (const auto wrong = split_fields(line, table.separator, fields); !wrong.empty()) {
      bad(number, std::string(wrong));
    } else if (fields.at.size() != table.names.size()) {
      bad(number,
          fmt::format("{} columns, {} in the first line", fields.at.size(), table.names.size()));
    } else if (fields.at[table.item].empty()) {
      bad(number, std::string("no item"));
    } else {
      take(number, fields.at);
    }
  }
}

Table open_table(std::string_view text, const std::string& file, const AttributeOptions& options) {
  const std::vector<std::string_view> lines = first_lines(text, kLinesLookedAt);
  LineFields first;
  split_fields(lines.at(0), Separator::tab, first);
  Table table;
  table.typed = is_typed_header(first);
  table.separator = table.typed ? Separator::tab : separator_of(text_extension(file), lines);
  table.header = table.typed || is_header("auto", lines, table.separator, [](const auto& names) {
                   return item_column(names) >= 0;
                 });
  table.names = first_fields(lines[0], table.separator, file);
  if (table.names.size() < 2) {
    throw Error(ErrorKind::data, {.what = file + ": the columns of a table of attributes",
                                  .got = fmt::format("one: '{}'", table.names[0]),
                                  .expected = "a column of items and others"});
  }
  const int found = table.header ? item_column(table.names) : 0;
  if (!table.header) table.names = numbered_names(table.names.size());
  table.item = static_cast<size_t>(
      options.item.empty() ? std::max(found, 0) : find_column(options.item, table.names, file));
  return table;
}

// Whether all values in a column are numbers.
std::vector<bool> columns_of_numbers(std::string_view text, const Table& table) {
  std::vector<bool> numbers(table.names.size(), true), filled(table.names.size());
  each_line(
      text, table,
      [&](int64_t, const auto& fields) {
        double value = 0;
        for (size_t i = 0; i < fields.size(); ++i) {
          if (fields[i].empty()) continue;
          filled[i] = true;
          numbers[i] = numbers[i] && is_number(fields[i], value);
        }
      },
      [](int64_t, const std::string&) {});
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = numbers[i] && filled[i];
  return numbers;
}

void choose_kinds(std::string_view text, const std::string& file, const AttributeOptions& options,
                  Table& table) {
  const auto among = [&](const std::vector<std::string>& asked, size_t column) {
    return std::ranges::any_of(asked, [&](const std::string& name) {
      return find_column(name, table.names, file) == static_cast<int>(column);
    });
  };
  const std::vector<bool> numbers = columns_of_numbers(text, table);
  table.kinds.assign(table.names.size(), Kind::unused);
  for (size_t i = 0; i < table.names.size(); ++i) {
    const std::string& name = table.names[i];
    if (i == table.item) {
      table.kinds[i] = Kind::item;
    } else if (!options.columns.empty() && !among(options.columns, i)) {
      continue;
    } else if (table.typed) {
      table.kinds[i] = name.ends_with(":token")       ? Kind::category
                       : name.ends_with(":token_seq") ? Kind::list
                       : name.ends_with(":float")     ? Kind::number
                                                      : Kind::unused;
    } else {
      const bool id = ascii_lower(name).ends_with("id") || among(options.categories, i);
      table.kinds[i] = numbers[i] && !id ? Kind::number : Kind::list;
    }
  }
}

std::string describe(const Table& table) {
  std::string text =
      fmt::format("{} separated by {}: item in {}", table.typed ? "RecBole's table" : "a table",
                  name_of(table.separator), table.names[table.item]);
  for (size_t i = 0; i < table.names.size(); ++i) {
    if (table.kinds[i] == Kind::item) continue;
    text += fmt::format(", {}{}", table.names[i],
                        table.kinds[i] == Kind::number   ? " (number)"
                        : table.kinds[i] == Kind::unused ? " (not used)"
                                                         : "");
  }
  return text;
}

void add_list(int32_t item, const std::string& field, std::string_view values,
              const std::string& separator, AttributeCollector& out) {
  for (bool more = true; more;) {
    const size_t end = separator.empty() ? std::string_view::npos : values.find(separator);
    out.category(item, field, without_blanks(values.substr(0, end)));
    more = end != std::string_view::npos;
    if (more) values.remove_prefix(end + separator.size());
  }
}

}  // namespace

void read_table_attributes(std::string_view text, const std::string& file,
                           const AttributeOptions& options, AttributeCollector& out,
                           AttributeReport& report) {
  Table table = open_table(text, file, options);
  choose_kinds(text, file, options, table);
  report.layout = describe(table);
  std::vector<std::string> names = table.names;
  for (std::string& name : names) {
    if (table.typed) name = name.substr(0, name.rfind(':'));
  }
  const auto bad = [&](int64_t line, const std::string& wrong) {
    out.bad(fmt::format("line {}", line), wrong);
  };
  const auto take = [&](int64_t line, const std::vector<std::string_view>& fields) {
    const int32_t item = out.item(fields[table.item]);
    for (size_t i = 0; i < fields.size(); ++i) {
      double value = 0;
      if (table.kinds[i] == Kind::category) out.category(item, names[i], fields[i]);
      if (table.kinds[i] == Kind::list) {
        add_list(item, names[i], fields[i], table.typed ? " " : options.list_separator, out);
      }
      if (table.kinds[i] != Kind::number || fields[i].empty()) continue;
      if (is_number(fields[i], value)) {
        out.number(item, names[i], value);
      } else {
        bad(line, fmt::format("{} '{}' is no number", names[i], fields[i]));
      }
    }
  };
  each_line(text, table, take, bad);
}

}  // namespace vistas::recommend
