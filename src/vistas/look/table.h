// Tables for a terminal.
#pragma once

#include <string>
#include <vector>

namespace vistas::look {

// Columns aligned by display width; a column whose every cell below the header is a number (or
// empty, or "-") is set to the right.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : header_(std::move(header)) {}

  // Missing cells are empty; cells beyond the header are an error.
  void add(std::vector<std::string> row, bool strong = false);
  // A thin rule before the next row.
  void add_rule();

  // Lines ending in a newline. `ansi` makes header and strong rows bold and rules dim. With
  // `max_width` > 0 the widest text column gives way, cut with an ellipsis.
  std::string str(bool ansi = false, int max_width = 0) const;

 private:
  struct Row {
    std::vector<std::string> cells;
    bool strong = false, rule = false;
  };
  std::vector<std::string> header_;
  std::vector<Row> rows_;
};

}  // namespace vistas::look
