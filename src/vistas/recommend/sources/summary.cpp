#include "vistas/recommend/sources/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "vistas/base/random.h"

namespace vistas::recommend {
namespace {

std::vector<uint64_t> hashes_of(const IdTable& ids) {
  std::vector<uint64_t> out(static_cast<size_t>(ids.size()));
  for (size_t id = 0; id < out.size(); ++id) out[id] = hash_of(ids[static_cast<int64_t>(id)]);
  return out;
}

Spread spread_of(const std::vector<int64_t>& counts, int64_t sum) {
  if (counts.empty()) return {};
  const auto [min, max] = std::ranges::minmax(counts);
  return {min, static_cast<double>(sum) / static_cast<double>(counts.size()), max};
}

std::string text_of(const Spread& spread, const char* of) {
  return fmt::format("{} to {} per {}, mean {:.2f}", spread.min, spread.max, of, spread.mean);
}

}  // namespace

uint64_t content_hash(const Interactions& data) {
  const std::vector<uint64_t> items = hashes_of(*data.item_ids);
  uint64_t sum = 0;  // of users and items: their order does not matter
  for (const uint64_t item : items) sum += mix(1, item);
  for (int64_t user = 0; user < data.users(); ++user) {
    uint64_t hash = hash_of((*data.user_ids)[user]);
    for (int64_t row = data.begin_of(user); row < data.end_of(user); ++row) {
      const auto at = static_cast<size_t>(row);
      hash = mix(hash, items[static_cast<size_t>(data.item[at])]);
      if (!data.time.empty()) hash = mix(hash, std::bit_cast<uint64_t>(data.time[at]));
      if (!data.weight.empty() && data.weight[at] != 1) {
        hash = mix(hash, std::bit_cast<uint32_t>(data.weight[at]));
      }
    }
    sum += mix(2, hash);
  }
  return sum;
}

Summary summarise(const Interactions& data) {
  Summary out;
  out.users = data.users();
  out.items = data.items();
  out.interactions = data.size();
  std::vector<int64_t> users(static_cast<size_t>(data.users()));
  for (size_t user = 0; user < users.size(); ++user) {
    users[user] = data.count_of(static_cast<int64_t>(user));
  }
  const std::vector<int64_t> items = item_counts(data);
  out.empty_users = std::ranges::count(users, 0);
  out.empty_items = std::ranges::count(items, 0);
  out.per_user = spread_of(users, out.interactions);
  out.per_item = spread_of(items, out.interactions);
  const double pairs = static_cast<double>(out.users) * static_cast<double>(out.items);
  if (pairs > 0) out.density = static_cast<double>(out.interactions) / pairs;
  out.hash = content_hash(data);
  return out;
}

std::string Summary::text() const {
  std::string out =
      fmt::format("{} users, {} items, {} interactions, density {:.3g} %\n{}\n{}\ncontent {:016x}",
                  users, items, interactions, 100 * density, text_of(per_user, "user"),
                  text_of(per_item, "item"), hash);
  if (empty_users > 0) out += fmt::format("\n{} users without an interaction", empty_users);
  if (empty_items > 0) out += fmt::format("\n{} items without an interaction", empty_items);
  return out;
}

}  // namespace vistas::recommend
