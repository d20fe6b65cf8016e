#include "vistas/recommend/sources/arrange.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "vistas/base/error.h"
#include "vistas/base/threads.h"

namespace vistas::recommend {
namespace {

constexpr int64_t kUsersAtOnce = 4096;

template <class T>
void scatter(std::vector<T>& column, const std::vector<uint32_t>& places) {
  if (column.empty()) return;
  std::vector<T> out(column.size());
  for (size_t row = 0; row < column.size(); ++row) out[places[row]] = column[row];
  column = std::move(out);
}

// A counting sort by user, which keeps the order of each user's rows.
void sort_by_user(Rows rows, Interactions& out) {
  std::vector<int64_t>& starts = out.starts;
  starts.assign(static_cast<size_t>(out.user_ids->size()) + 1, 0);
  for (const uint32_t user : rows.user) ++starts[user + 1];
  std::partial_sum(starts.begin(), starts.end(), starts.begin());
  if (!std::ranges::is_sorted(rows.user)) {
    std::vector<int64_t> next = starts;
    for (uint32_t& user : rows.user) user = static_cast<uint32_t>(next[user]++);
    scatter(rows.item, rows.user);
    scatter(rows.time, rows.user);
    scatter(rows.weight, rows.user);
  }
  out.item = std::move(rows.item);
  out.time = std::move(rows.time);
  out.weight = std::move(rows.weight);
}

template <class T>
void permute(std::vector<T>& column, size_t begin, const std::vector<uint32_t>& order,
             std::vector<T>& scratch) {
  if (column.empty()) return;
  scratch.clear();
  for (const uint32_t row : order) scratch.push_back(column[begin + row]);
  std::ranges::copy(scratch, column.begin() + static_cast<ptrdiff_t>(begin));
}

void sort_by_time(Interactions& data, int threads) {
  if (data.time.empty()) return;
  const int64_t blocks = (data.users() + kUsersAtOnce - 1) / kUsersAtOnce;
  parallel_for(blocks, threads, [&](int64_t block, int) {
    std::vector<uint32_t> order;
    std::vector<int32_t> items;
    std::vector<double> times;
    std::vector<float> weights;
    const int64_t last = std::min((block + 1) * kUsersAtOnce, data.users());
    for (int64_t user = block * kUsersAtOnce; user < last; ++user) {
      const auto begin = static_cast<size_t>(data.begin_of(user));
      const auto time =
          std::span(data.time).subspan(begin, static_cast<size_t>(data.count_of(user)));
      if (std::ranges::is_sorted(time)) continue;
      order.resize(time.size());
      std::iota(order.begin(), order.end(), 0U);
      std::ranges::stable_sort(order, {}, [&](uint32_t row) { return time[row]; });
      permute(data.item, begin, order, items);
      permute(data.weight, begin, order, weights);
      permute(data.time, begin, order, times);
    }
  });
}

// Marks what `policy` leaves out of a user's rows on one item; returns how many rows repeat one.
int64_t mark_duplicates(Interactions& data, const std::string& policy, std::vector<uint8_t>& keep) {
  std::vector<int64_t> before(static_cast<size_t>(data.items()), -1);  // last row on the item
  const bool sum = policy == "sum";
  int64_t repeated = 0;
  for (int64_t user = 0; user < data.users(); ++user) {
    for (int64_t row = data.begin_of(user); row < data.end_of(user); ++row) {
      const auto at = static_cast<size_t>(row);
      int64_t& last = before[static_cast<size_t>(data.item[at])];
      if (last >= data.begin_of(user)) {
        ++repeated;
        if (sum && data.weight.empty()) data.weight.assign(data.item.size(), 1);
        if (sum) {
          data.weight[at] = std::min(data.weight[at] + data.weight[static_cast<size_t>(last)],
                                     std::numeric_limits<float>::max());
        }
        if (policy != "keep") keep[policy == "first" ? at : static_cast<size_t>(last)] = 0;
      }
      last = row;
    }
  }
  return repeated;
}

}  // namespace

Interactions arrange(Rows rows, std::shared_ptr<const IdTable> users,
                     std::shared_ptr<const IdTable> items, const InteractionOptions& options,
                     ReadReport& report, int threads) {
  if (rows.item.size() > std::numeric_limits<uint32_t>::max()) {
    throw Error(ErrorKind::resource, {.what = "more than 2^32 interactions"});
  }
  Interactions out;
  out.user_ids = std::move(users);
  out.item_ids = std::move(items);
  sort_by_user(std::move(rows), out);
  sort_by_time(out, threads);
  std::vector<uint8_t> keep(out.item.size(), 1);
  const int64_t repeated = mark_duplicates(out, options.duplicates, keep);
  report.duplicates += repeated;
  int64_t below = 0;
  for (size_t row = 0; row < out.weight.size(); ++row) {
    const bool light = !(out.weight[row] > 0) || out.weight[row] < options.min_weight;
    below += light && keep[row];
    if (light) keep[row] = 0;
  }
  report.below_min_weight += below;
  if (below > 0 || (repeated > 0 && options.duplicates != "keep")) keep_rows(out, keep);
  return out;
}

}  // namespace vistas::recommend
