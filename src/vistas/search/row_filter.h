// Which rows of a bank a query may be given.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "vistas/base/id_lists.h"

namespace vistas::search {

// Rows in no list of the query, and allowed at all.
struct RowFilter {
  std::vector<IdLists> without{};  // each with a list a query
  std::vector<bool> allowed{};     // a bank row each; empty: all
};

// Data errors: not one list a query, not one mark a bank row.
void check_filter(const RowFilter& filter, int64_t queries, int64_t bank);

// The filter for one query. It is asked of ascending rows and walks along the lists.
class OpenRows {
 public:
  OpenRows(const RowFilter& filter, int64_t query);
  bool operator()(int64_t row);

 private:
  const std::vector<bool>* allowed_;
  std::vector<std::span<const int32_t>> ahead_;
};

}  // namespace vistas::search
