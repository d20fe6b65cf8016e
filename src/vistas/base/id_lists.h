// Lists of ids below each other, as readers of interactions keep them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vistas {

// List i is ids[starts[i]] .. ids[starts[i + 1] - 1], ascending, each id once.
struct IdLists {
  std::span<const int64_t> starts;  // one more than lists
  std::span<const int32_t> ids;

  int64_t size() const { return static_cast<int64_t>(starts.size()) - 1; }
  std::span<const int32_t> operator[](int64_t i) const {
    const auto begin = static_cast<size_t>(starts[static_cast<size_t>(i)]);
    return ids.subspan(begin, static_cast<size_t>(starts[static_cast<size_t>(i) + 1]) - begin);
  }
};

// Lists with memory of their own.
struct OwnIdLists {
  std::vector<int64_t> starts{0};
  std::vector<int32_t> ids{};

  IdLists view() const { return {starts, ids}; }
  void add(std::span<const int32_t> list);  // sorted here, each id once
};

// A data error that names `what` ("training items") where an id is not 0 .. size - 1.
void check_ids(const IdLists& lists, int64_t size, const char* what);

// List j, for each j below `size`, has the numbers of the lists that hold j. All ids are below it.
OwnIdLists transposed(const IdLists& lists, int64_t size);

}  // namespace vistas
