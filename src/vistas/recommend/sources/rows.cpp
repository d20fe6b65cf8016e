#include "vistas/recommend/sources/rows.h"

#include <fmt/format.h>

#include "vistas/base/strings.h"
#include "vistas/recommend/sources/moment.h"

namespace vistas::recommend {
namespace {

constexpr size_t kNamedLines = 10;

class Parser {
 public:
  Parser(const FileLayout& layout, Part& out) : layout_(layout), out_(out) {}

  // "" or what is wrong; nothing is kept of a bad line.
  std::string add(std::string_view line) {
    return layout_.kind == FileKind::table ? add_row(line) : add_list(line);
  }

 private:
  static std::string wrong_id(const char* what, std::string_view id) {
    if (id.empty()) return fmt::format("no {}", what);
    if (find_invalid_utf8(id) == std::string_view::npos) return "";
    return fmt::format("the {} is no UTF-8", what);
  }

  std::string_view field(int column) const { return fields_.at[static_cast<size_t>(column)]; }

  using Parse = bool (*)(std::string_view, double&);
  std::string wrong_value(const char* what, int column, Parse parse, double& value) const {
    if (column < 0 || parse(field(column), value)) return "";
    if (find_invalid_utf8(field(column)) != std::string_view::npos) {
      return fmt::format("the {} is no UTF-8", what);
    }
    return fmt::format("the {} '{}' is no number{}", what, field(column),
                       column == layout_.time ? " and no date" : "");
  }

  std::string wrong_count(std::string_view line) const {
    std::string text =
        fmt::format("{} columns, {} in the first line", fields_.at.size(), layout_.columns.size());
    for (const auto& [name, separator] : separators()) {
      LineFields other;
      split_fields(line, separator, other);
      if (separator != layout_.separator && other.at.size() == layout_.columns.size()) {
        return fmt::format("{}; it is separated by {}, not by {}", text, name,
                           name_of(layout_.separator));
      }
    }
    return text;
  }

  std::string add_row(std::string_view line) {
    if (const std::string_view wrong = split_fields(line, layout_.separator, fields_);
        !wrong.empty()) {
      return std::string(wrong);
    }
    if (fields_.at.size() != layout_.columns.size()) return wrong_count(line);
    std::string wrong = wrong_id("user", field(layout_.user));
    if (wrong.empty()) wrong = wrong_id("item", field(layout_.item));
    double weight = 1, time = 0;
    if (wrong.empty()) wrong = wrong_value("weight", layout_.weight, is_number, weight);
    if (wrong.empty()) wrong = wrong_value("time", layout_.time, is_moment, time);
    if (!wrong.empty()) return wrong;
    Rows& rows = out_.rows;
    rows.user.push_back(static_cast<uint32_t>(out_.users.add(field(layout_.user))));
    rows.item.push_back(out_.items.add(field(layout_.item)));
    if (layout_.weight >= 0) rows.weight.push_back(static_cast<float>(weight));
    if (layout_.time >= 0) rows.time.push_back(time);
    return "";
  }

  std::string add_list(std::string_view line) {
    if (const size_t bad = find_invalid_utf8(line); bad != std::string_view::npos) {
      return fmt::format("byte {} is no UTF-8", bad + 1);
    }
    std::string_view user;
    if (layout_.kind == FileKind::sequences) {
      const size_t colon = line.find(':');
      if (colon == std::string_view::npos) return "no ':' after the user";
      user = without_blanks(line.substr(0, colon));
      if (user.empty()) return "no user";
      line.remove_prefix(colon + 1);
    }
    split_fields(line, Separator::blanks, fields_);
    size_t first = 0;
    if (user.empty()) user = fields_.at[first++];
    const auto number = static_cast<uint32_t>(out_.users.add(user));
    for (size_t i = first; i < fields_.at.size(); ++i) {
      out_.rows.user.push_back(number);
      out_.rows.item.push_back(out_.items.add(fields_.at[i]));
    }
    return "";
  }

  const FileLayout& layout_;
  Part& out_;
  LineFields fields_;
};

void clear(Part& part) {
  part.users.clear();
  part.items.clear();
  part.rows.user.clear();
  part.rows.item.clear();
  part.rows.time.clear();
  part.rows.weight.clear();
  part.lines = part.bad_count = 0;
  part.bad.clear();
}

}  // namespace

void parse_part(std::string_view text, const FileLayout& layout, Part& out) {
  clear(out);
  Parser parser(layout, out);
  for (; !text.empty(); ++out.lines) {
    const std::string_view line = take_line(text);
    if (without_blanks(line).empty()) continue;
    std::string wrong = parser.add(line);
    if (wrong.empty()) continue;
    if (++out.bad_count <= static_cast<int64_t>(kNamedLines)) {
      out.bad.push_back({out.lines, std::move(wrong)});
    }
  }
}

}  // namespace vistas::recommend
