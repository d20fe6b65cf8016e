#include "vistas/base/id_lists.h"

#include <fmt/format.h>

#include <algorithm>

#include "vistas/base/error.h"

namespace vistas {

void OwnIdLists::add(std::span<const int32_t> list) {
  const auto begin = ids.insert(ids.end(), list.begin(), list.end());
  std::sort(begin, ids.end());
  ids.erase(std::unique(begin, ids.end()), ids.end());
  starts.push_back(static_cast<int64_t>(ids.size()));
}

void check_ids(const IdLists& lists, int64_t size, const char* what) {
  if (lists.ids.empty()) return;
  const auto [low, high] = std::ranges::minmax(lists.ids);
  if (low >= 0 && high < size) return;
  throw Error(ErrorKind::data, {.what = what,
                                .got = fmt::format("{} to {}", low, high),
                                .expected = fmt::format("0 .. {}", size - 1)});
}

OwnIdLists transposed(const IdLists& lists, int64_t size) {
  OwnIdLists out;
  out.starts.resize(static_cast<size_t>(size) + 1);
  out.ids.resize(lists.ids.size());
  for (const int32_t id : lists.ids) ++out.starts[static_cast<size_t>(id) + 1];
  for (size_t j = 1; j < out.starts.size(); ++j) out.starts[j] += out.starts[j - 1];
  std::vector<int64_t> next = out.starts;
  for (int64_t i = 0; i < lists.size(); ++i) {
    for (const int32_t id : lists[i]) {
      out.ids[static_cast<size_t>(next[static_cast<size_t>(id)]++)] = static_cast<int32_t>(i);
    }
  }
  return out;
}

}  // namespace vistas
