// The lines of a part of a file as rows of numbers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vistas/recommend/sources/id_table.h"
#include "vistas/recommend/sources/layout.h"

namespace vistas::recommend {

struct Rows {
  std::vector<uint32_t> user;
  std::vector<int32_t> item;
  std::vector<double> time;   // or empty
  std::vector<float> weight;  // or empty
};

// What a part of a file holds, with ids numbered by their first place in that part.
struct Part {
  struct BadLine {
    int64_t line = 0;  // from 0 at the start of the part
    std::string wrong;
  };

  IdTable users, items;
  Rows rows;
  int64_t lines = 0;
  int64_t bad_count = 0;
  std::vector<BadLine> bad;  // the first ten
};

// Fills `out`, whose memory is used again. Blank lines are passed over. Bad are: another number of
// columns than the layout has, an id that is empty or no UTF-8, a weight or time that is no finite
// number, a quote that is not closed.
void parse_part(std::string_view text, const FileLayout& layout, Part& out);

}  // namespace vistas::recommend
