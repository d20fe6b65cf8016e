#include "vistas/look/table.h"

#include <fmt/format.h>

#include <algorithm>

#include "vistas/base/error.h"
#include "vistas/look/text.h"

namespace vistas::look {
namespace {

constexpr int kGap = 2;

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// "45.0", "1,930", "47.7 ± 0.3", "2.1x", "1e-3", "2 min 13 s"; but not "0001.png" or "2019/beach".
bool is_numeric(const std::string& cell) {
  if (cell.empty() || cell == "-" || cell == "nan") return true;
  const size_t first = cell.find_first_not_of("+-<> ");
  if (first == std::string::npos || !(cell[first] >= '0' && cell[first] <= '9')) return false;
  for (size_t i = first + 1; i < cell.size(); ++i) {
    const char c = cell[i], before = cell[i - 1];
    const bool unit = before == ' ' || is_letter(before) || c == 'x' || c == 'e';
    if (c == '/' || c == '_' || (is_letter(c) && !unit)) return false;
  }
  return true;
}

std::string repeat(const std::string& text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

}  // namespace

void Table::add(std::vector<std::string> row, bool strong) {
  if (row.size() > header_.size()) {
    throw Error(ErrorKind::usage, {.what = "table row",
                                   .got = fmt::format("{} cells", row.size()),
                                   .expected = fmt::format("up to {}", header_.size())});
  }
  row.resize(header_.size());
  rows_.push_back({std::move(row), strong, false});
}

void Table::add_rule() {
  rows_.push_back({{}, false, true});
}

std::string Table::str(bool ansi, int max_width) const {
  const size_t columns = header_.size();
  std::vector<int> widths(columns);
  std::vector<bool> right(columns, true);
  for (size_t c = 0; c < columns; ++c) {
    widths[c] = display_width(header_[c]);
    for (const Row& row : rows_) {
      if (row.rule) continue;
      widths[c] = std::max(widths[c], display_width(row.cells[c]));
      right[c] = right[c] && is_numeric(row.cells[c]);
    }
  }
  const auto total = [&] {
    int sum = kGap * (static_cast<int>(columns) - 1);
    for (const int w : widths) sum += w;
    return sum;
  };
  if (max_width > 0 && columns > 0) {
    for (int over = total() - max_width; over > 0; over = total() - max_width) {
      const auto widest = std::max_element(widths.begin(), widths.end());
      if (*widest <= 4) break;
      --*widest;
    }
  }
  const auto line = [&](const std::vector<std::string>& cells, bool bold) {
    std::string out;
    for (size_t c = 0; c < columns; ++c) {
      if (c > 0) out += repeat(" ", kGap);
      out += pad(fit(cells[c], widths[c]), widths[c], right[c]);
    }
    out.erase(out.find_last_not_of(' ') + 1);
    return (ansi && bold ? "\x1b[1m" + out + "\x1b[0m" : out) + "\n";
  };
  const std::string rule = repeat("─", total());
  const std::string rule_line = (ansi ? "\x1b[2m" + rule + "\x1b[0m" : rule) + "\n";
  std::string out = line(header_, true) + rule_line;
  for (const Row& row : rows_) out += row.rule ? rule_line : line(row.cells, row.strong);
  return out;
}

}  // namespace vistas::look
