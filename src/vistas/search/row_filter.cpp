#include "vistas/search/row_filter.h"

#include <fmt/format.h>

#include "vistas/base/error.h"

namespace vistas::search {
namespace {

void check_count(const char* what, int64_t got, int64_t expected, const char* of_what) {
  if (got == expected) return;
  throw Error(ErrorKind::data, {.what = what,
                                .got = fmt::to_string(got),
                                .expected = fmt::format("{}, one {}", expected, of_what)});
}

}  // namespace

void check_filter(const RowFilter& filter, int64_t queries, int64_t bank) {
  for (const IdLists& lists : filter.without) {
    check_count("lists of rows to leave out", lists.size(), queries, "a query");
  }
  if (filter.allowed.empty()) return;
  check_count("marks of allowed rows", static_cast<int64_t>(filter.allowed.size()), bank, "a row");
}

OpenRows::OpenRows(const RowFilter& filter, int64_t query) : allowed_(&filter.allowed) {
  for (const IdLists& lists : filter.without) ahead_.push_back(lists[query]);
}

bool OpenRows::operator()(int64_t row) {
  for (std::span<const int32_t>& ahead : ahead_) {
    while (!ahead.empty() && ahead.front() < row) ahead = ahead.subspan(1);
    if (!ahead.empty() && ahead.front() == row) return false;
  }
  return allowed_->empty() || (*allowed_)[static_cast<size_t>(row)];
}

}  // namespace vistas::search
