#include "vistas/recommend/sources/split.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "vistas/base/error.h"
#include "vistas/base/random.h"

namespace vistas::recommend {
namespace {

enum Part : uint8_t { kTrain, kValid, kTest };
// Streams of draws (DrawKey::view).
constexpr uint32_t kOfUsers = 1, kOfItems = 2;

using Marks = std::vector<uint8_t>;

Split divided(const Interactions& data, const Marks& marks, std::string how) {
  return {chosen_rows(data, marks, kTrain), chosen_rows(data, marks, kValid),
          chosen_rows(data, marks, kTest), std::move(how)};
}

Marks leave_one_out(const Interactions& data, bool valid) {
  Marks marks(data.item.size(), kTrain);
  for (int64_t user = 0; user < data.users(); ++user) {
    const int64_t count = data.count_of(user);
    const auto end = static_cast<size_t>(data.end_of(user));
    if (count > 1) marks[end - 1] = kTest;
    if (count > 2 && valid) marks[end - 2] = kValid;
  }
  return marks;
}

struct Counts {
  int64_t train, valid, test;
};

Counts counts_of(int64_t all, double valid, double test) {
  const auto share = [&](double part) { return part * static_cast<double>(all); };
  Counts out{0, static_cast<int64_t>(share(valid)), static_cast<int64_t>(share(test))};
  out.train = all - out.valid - out.test;
  const auto at_least_one = [&](double part, int64_t& count) {
    if (out.train <= 1 || !(share(part) > 0 && share(part) < 1)) return;
    ++count;
    --out.train;
  };
  at_least_one(test, out.test);
  at_least_one(valid, out.valid);
  return out;
}

Marks ratio(const Interactions& data, double valid, double test, bool drawn, int64_t seed) {
  Marks marks(data.item.size(), kTrain);
  for (int64_t user = 0; user < data.users(); ++user) {
    const int64_t all = data.count_of(user), begin = data.begin_of(user);
    const Counts counts = counts_of(all, valid, test);
    std::vector<int64_t> order;
    if (drawn) {
      Draws draws({static_cast<uint64_t>(seed), 0, static_cast<uint64_t>(user), kOfUsers});
      order = draws.permutation(all);
    }
    for (int64_t i = counts.train; i < all; ++i) {
      const int64_t row = begin + (drawn ? order[static_cast<size_t>(i)] : i);
      marks[static_cast<size_t>(row)] = i < counts.train + counts.valid ? kValid : kTest;
    }
  }
  return marks;
}

Marks by_time(const Interactions& data, double valid, double test) {
  if (data.time.empty()) {
    throw Error(ErrorKind::data, {.what = "a split by time",
                                  .got = "interactions without times",
                                  .fix = "Name the column with `time`, or split another way"});
  }
  std::vector<double> times = data.time;
  // The first time of the last `share` of all.
  const auto cut = [&](double share) {
    const auto rows = static_cast<double>(times.size());
    const auto place = static_cast<size_t>(std::clamp(std::ceil(rows * (1 - share)), 0.0, rows));
    if (place >= times.size()) return std::numeric_limits<double>::infinity();
    std::ranges::nth_element(times, times.begin() + static_cast<ptrdiff_t>(place));
    return times[place];
  };
  const double test_from = cut(test), valid_from = cut(valid + test);
  Marks marks(data.item.size(), kTrain);
  for (size_t row = 0; row < marks.size(); ++row) {
    if (data.time[row] >= valid_from) marks[row] = kValid;
    if (data.time[row] >= test_from) marks[row] = kTest;
  }
  return marks;
}

Marks cold_items(const Interactions& data, double valid, double test, int64_t seed) {
  Draws draws({static_cast<uint64_t>(seed), 0, 0, kOfItems});
  const std::vector<int64_t> order = draws.permutation(data.items());
  const Counts counts = counts_of(data.items(), valid, test);
  std::vector<uint8_t> part(order.size(), kTrain);
  for (int64_t i = counts.train; i < data.items(); ++i) {
    part[static_cast<size_t>(order[static_cast<size_t>(i)])] =
        i < counts.train + counts.valid ? kValid : kTest;
  }
  Marks marks(data.item.size());
  for (size_t row = 0; row < marks.size(); ++row) {
    marks[row] = part[static_cast<size_t>(data.item[row])];
  }
  return marks;
}

}  // namespace

void SplitOptions::fields(Fields& f) {
  f.add("kind", kind, "of the split", {"ratio", "leave_one_out", "time", "cold_items"});
  f.add("valid", valid, "share of the interactions, or of the items, for validation", {0, 0.9});
  f.add("test", test, "share for the test", {0, 0.9});
  f.add("order", order, "which of a user's interactions a ratio takes: drawn, or the last in time",
        {"random", "time"});
  f.add("seed", seed, "of the draws", {0, 9e15});
}

Split make_split(const Interactions& data, const SplitOptions& options) {
  const double valid = options.valid, test = options.test;
  if (valid + test >= 1) {
    throw Error(ErrorKind::usage, {.what = "a split",
                                   .got = fmt::format("valid = {}, test = {}", valid, test),
                                   .expected = "less than 1 together"});
  }
  const std::string shares = fmt::format("valid {}, test {}", valid, test);
  Split out;
  if (options.kind == "leave_one_out") {
    out = divided(data, leave_one_out(data, valid > 0), "leave one out");
  } else if (options.kind == "time") {
    out = divided(data, by_time(data, valid, test), "by time: " + shares);
  } else if (options.kind == "cold_items") {
    out = divided(data, cold_items(data, valid, test, options.seed),
                  fmt::format("items left out: {}, seed {}", shares, options.seed));
  } else if (options.order == "time") {
    out = divided(data, ratio(data, valid, test, false, 0), "last of each user: " + shares);
  } else {
    out = divided(data, ratio(data, valid, test, true, options.seed),
                  fmt::format("drawn from each user: {}, seed {}", shares, options.seed));
  }
  if (out.train.size() > 0 && out.test.size() > 0) return out;
  throw Error(ErrorKind::data,
              {.what = "a split " + out.how,
               .got = fmt::format("{} interactions for training and {} for the test",
                                  out.train.size(), out.test.size()),
               .fix = "Choose other shares or another kind of split"});
}

Split without_validation(const Split& split) {
  Split out = split;
  out.train = merged({&split.train, &split.valid});
  out.valid = chosen_rows(split.valid, std::vector<uint8_t>(split.valid.item.size()));
  out.how += "; then trained on validation too";
  return out;
}

Split with_validation(const Split& split, double share, int64_t seed) {
  Split out = divided(
      split.train, ratio(split.train, share, 0, true, seed),
      fmt::format("{}; validation drawn from training: {}, seed {}", split.how, share, seed));
  out.test = split.test;
  return out;
}

Interactions k_core(Interactions data, int64_t per_user, int64_t per_item, CoreReport* report) {
  const int64_t users = data.users(), items = data.items(), rows = data.size();
  int64_t rounds = 0;
  for (bool changed = true; changed;) {
    const std::vector<int64_t> counts = item_counts(data);
    Marks keep(data.item.size(), 1);
    for (int64_t user = 0; user < data.users(); ++user) {
      const bool few = data.count_of(user) < per_user;
      for (auto row = static_cast<size_t>(data.begin_of(user));
           row < static_cast<size_t>(data.end_of(user)); ++row) {
        keep[row] = !few && counts[static_cast<size_t>(data.item[row])] >= per_item;
      }
    }
    changed = std::ranges::count(keep, 1) < data.size();
    if (changed) keep_rows(data, keep);
    rounds += changed;
  }
  drop_unused(data);
  if (report) {
    *report = {rounds, users - data.users(), items - data.items(), rows - data.size()};
  }
  if (data.size() > 0) return data;
  throw Error(ErrorKind::data, {.what = fmt::format("users with {} and items with {} interactions",
                                                    per_user, per_item),
                                .got = fmt::format("none among {} interactions", rows),
                                .fix = "Ask for fewer"});
}

std::string CoreReport::summary() const {
  return fmt::format("{} users, {} items and {} interactions were left out in {} rounds", users,
                     items, rows, rounds);
}

SplitCheck check_split(const Split& split) {
  SplitCheck out{.test_rows = split.test.size()};
  const std::vector<int64_t> trained = item_counts(split.train), tested = item_counts(split.test);
  for (size_t item = 0; item < tested.size(); ++item) {
    if (tested[item] == 0 || trained[item] > 0) continue;
    ++out.unseen_items;
    out.unseen_rows += tested[item];
  }
  std::vector<int64_t> seen_by(trained.size(), -1);
  for (int64_t user = 0; user < split.test.users(); ++user) {
    for (const Interactions* part : {&split.train, &split.valid}) {
      if (part->size() == 0) continue;
      for (const int32_t item : part->items_of(user)) seen_by[static_cast<size_t>(item)] = user;
    }
    for (const int32_t item : split.test.items_of(user)) {
      out.seen_rows += seen_by[static_cast<size_t>(item)] == user;
    }
    out.untrained_users += split.test.count_of(user) > 0 && split.train.count_of(user) == 0;
  }
  return out;
}

std::string SplitCheck::summary() const {
  std::string text;
  const auto add = [&](int64_t count, const std::string& what) {
    if (count > 0) text += fmt::format("{}{} {}", text.empty() ? "" : "\n", count, what);
  };
  add(seen_rows,
      fmt::format("of {} test interactions are also in training or validation", test_rows));
  add(untrained_users, "users of the test have no training interaction");
  add(unseen_items,
      fmt::format("items of the test are in no training interaction ({} test rows)", unseen_rows));
  return text;
}

}  // namespace vistas::recommend
