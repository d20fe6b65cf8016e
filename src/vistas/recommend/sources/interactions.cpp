#include "vistas/recommend/sources/interactions.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "vistas/base/error.h"

namespace vistas::recommend {
namespace {

template <class T>
int64_t bytes_of(const std::vector<T>& column) {
  return static_cast<int64_t>(column.capacity() * sizeof(T));
}

// Numbers of what is used, by old number; -1 for the others.
struct Renumbering {
  std::vector<int32_t> kept;    // old numbers in order
  std::vector<int32_t> number;  // new ones
};

Renumbering renumber(const std::vector<int64_t>& counts) {
  Renumbering out;
  out.number.assign(counts.size(), -1);
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    out.number[i] = static_cast<int32_t>(out.kept.size());
    out.kept.push_back(static_cast<int32_t>(i));
  }
  return out;
}

template <class T>
void keep_in(std::vector<T>& column, const std::vector<uint8_t>& marks) {
  if (column.empty()) return;
  size_t out = 0;
  for (size_t row = 0; row < column.size(); ++row) {
    column[out] = column[row];
    out += marks[row] == 1;
  }
  column.resize(out);
  column.shrink_to_fit();
}

template <class T>
std::vector<T> chosen(const std::vector<T>& column, const std::vector<uint8_t>& marks,
                      uint8_t mark) {
  std::vector<T> out;
  if (column.empty()) return out;
  out.reserve(static_cast<size_t>(std::ranges::count(marks, mark)));
  for (size_t row = 0; row < column.size(); ++row) {
    if (marks[row] == mark) out.push_back(column[row]);
  }
  return out;
}

// `starts` once only rows of that mark are left.
std::vector<int64_t> starts_of(const std::vector<int64_t>& starts,
                               const std::vector<uint8_t>& marks, uint8_t mark) {
  std::vector<int64_t> out = {0};
  out.reserve(starts.size());
  int64_t row = 0, kept = 0;
  for (size_t user = 1; user < starts.size(); ++user) {
    for (; row < starts[user]; ++row) kept += marks[static_cast<size_t>(row)] == mark;
    out.push_back(kept);
  }
  return out;
}

}  // namespace

int64_t Interactions::bytes() const {
  return bytes_of(starts) + bytes_of(item) + bytes_of(time) + bytes_of(weight) + user_ids->bytes() +
         item_ids->bytes();
}

Interactions merged(const std::vector<const Interactions*>& parts) {
  Interactions out;
  out.user_ids = parts.front()->user_ids;
  out.item_ids = parts.front()->item_ids;
  const auto all_have = [&](auto column) {
    return std::ranges::all_of(parts, [&](const Interactions* part) {
      return (part->*column).size() == part->item.size();
    });
  };
  const bool times = all_have(&Interactions::time), weights = all_have(&Interactions::weight);
  std::vector<std::pair<const Interactions*, size_t>> rows;
  for (int64_t user = 0; user < parts.front()->users(); ++user) {
    rows.clear();
    for (const Interactions* part : parts) {
      for (int64_t row = part->begin_of(user); row < part->end_of(user); ++row) {
        rows.emplace_back(part, static_cast<size_t>(row));
      }
    }
    if (times) {
      std::ranges::stable_sort(rows, {}, [](const auto& r) { return r.first->time[r.second]; });
    }
    for (const auto& [part, row] : rows) {
      out.item.push_back(part->item[row]);
      if (times) out.time.push_back(part->time[row]);
      if (weights) out.weight.push_back(part->weight[row]);
    }
    out.starts.push_back(static_cast<int64_t>(out.item.size()));
  }
  return out;
}

OwnIdLists item_lists(const Interactions& data) {
  OwnIdLists out;
  for (int64_t user = 0; user < data.users(); ++user) out.add(data.items_of(user));
  return out;
}

std::vector<int64_t> item_counts(const Interactions& data) {
  std::vector<int64_t> counts(static_cast<size_t>(data.items()));
  for (const int32_t item : data.item) ++counts[static_cast<size_t>(item)];
  return counts;
}

Interactions chosen_rows(const Interactions& data, const std::vector<uint8_t>& marks,
                         uint8_t mark) {
  return {.user_ids = data.user_ids,
          .item_ids = data.item_ids,
          .starts = starts_of(data.starts, marks, mark),
          .item = chosen(data.item, marks, mark),
          .time = chosen(data.time, marks, mark),
          .weight = chosen(data.weight, marks, mark)};
}

void keep_rows(Interactions& data, const std::vector<uint8_t>& marks) {
  data.starts = starts_of(data.starts, marks, 1);
  keep_in(data.time, marks);
  keep_in(data.weight, marks);
  keep_in(data.item, marks);
}

void drop_unused(Interactions& data) {
  std::vector<int64_t> counts(static_cast<size_t>(data.users()));
  for (size_t user = 0; user < counts.size(); ++user) {
    counts[user] = data.count_of(static_cast<int64_t>(user));
  }
  const Renumbering users = renumber(counts), items = renumber(item_counts(data));
  if (users.kept.size() < counts.size()) {
    data.user_ids = std::make_shared<IdTable>(data.user_ids->chosen(users.kept));
    std::vector<int64_t> starts = {0};
    starts.reserve(users.kept.size() + 1);
    for (const int32_t user : users.kept) starts.push_back(data.end_of(user));
    data.starts = std::move(starts);
  }
  if (items.kept.size() < items.number.size()) {
    data.item_ids = std::make_shared<IdTable>(data.item_ids->chosen(items.kept));
    for (int32_t& item : data.item) item = items.number[static_cast<size_t>(item)];
  }
}

void check(const Interactions& data, const std::string& name) {
  const auto wrong = [&](const std::string& what) {
    throw Error(ErrorKind::data, {.what = name + ": no interactions", .got = what});
  };
  const auto rows = data.item.size();
  if (data.starts.empty() || data.starts.front() != 0 ||
      data.starts.back() != static_cast<int64_t>(rows) || !std::ranges::is_sorted(data.starts)) {
    wrong("rows of users that do not follow each other");
  }
  if (data.users() != data.user_ids->size()) wrong("another number of users than of their ids");
  if ((!data.time.empty() && data.time.size() != rows) ||
      (!data.weight.empty() && data.weight.size() != rows)) {
    wrong("columns of different lengths");
  }
  for (const int32_t item : data.item) {
    if (item < 0 || item >= data.items()) wrong(fmt::format("item {} of {}", item, data.items()));
  }
  if (!std::ranges::all_of(data.weight, [](float w) { return std::isfinite(w) && w > 0; })) {
    wrong("a weight that is not above 0");
  }
  if (!std::ranges::all_of(data.time, [](double t) { return std::isfinite(t); })) {
    wrong("a time that is no number");
  }
}

}  // namespace vistas::recommend
