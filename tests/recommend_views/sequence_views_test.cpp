// Views of sequences: which items are kept, hidden and moved, and what the draws depend on.
#include "vistas/recommend/views/sequence_views.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "vistas/base/error.h"

namespace vistas::recommend {
namespace {

Sequence count_to(int32_t n) {
  Sequence out(static_cast<size_t>(n));
  std::iota(out.begin(), out.end(), 10);
  return out;
}

constexpr int32_t kHidden = 99;
constexpr uint64_t kDrawn = 600;

TEST(SequenceViews, CroppedIsARun) {
  const Sequence items = count_to(10);
  std::map<int32_t, int> begins;
  for (uint64_t sample = 0; sample < kDrawn; ++sample) {
    Draws draws({.sample = sample});
    const Sequence out = cropped(items, 0.6, draws);
    ASSERT_EQ(out.size(), 6);
    for (size_t k = 1; k < out.size(); ++k) EXPECT_EQ(out[k], out[k - 1] + 1);
    ++begins[out.front()];
  }
  // Five places, about 120 times each.
  ASSERT_EQ(begins.size(), 5);
  for (const auto& [item, count] : begins) {
    EXPECT_TRUE(item >= 10 && item <= 14);
    EXPECT_GT(count, 70);
  }
  Draws draws({});
  EXPECT_EQ(cropped(count_to(1), 0.6, draws), count_to(1));
  EXPECT_EQ(cropped(items, 1, draws), items);
}

TEST(SequenceViews, MaskedHidesAShare) {
  const Sequence items = count_to(7);  // floor(0.3 x 7) = 2
  std::set<Sequence> seen;
  for (uint64_t sample = 0; sample < kDrawn; ++sample) {
    Draws draws({.sample = sample});
    const Sequence out = masked(items, 0.3, kHidden, draws);
    ASSERT_EQ(out.size(), 7);
    EXPECT_EQ(std::count(out.begin(), out.end(), kHidden), 2);
    for (size_t k = 0; k < 7; ++k) EXPECT_TRUE(out[k] == items[k] || out[k] == kHidden);
    seen.insert(out);
  }
  EXPECT_EQ(seen.size(), 21);  // 7 x 6 / 2
}

TEST(SequenceViews, ReorderedMovesARun) {
  const Sequence items = count_to(5);  // floor(0.6 x 5) = 3
  std::set<Sequence> seen;
  for (uint64_t sample = 0; sample < kDrawn; ++sample) {
    Draws draws({.sample = sample});
    const Sequence out = reordered(items, 0.6, draws);
    Sequence sorted = out;
    std::sort(sorted.begin(), sorted.end());
    EXPECT_EQ(sorted, items);
    const auto first = std::mismatch(out.begin(), out.end(), items.begin()).first - out.begin();
    const auto behind =
        std::mismatch(out.rbegin(), out.rend(), items.rbegin()).first - out.rbegin();
    EXPECT_LE(5 - behind - first, 3);  // from the first that moved to the last
    seen.insert(out);
  }
  // Orders of a run at 0, 1 or 2: 6 each; itself and the swaps of two neighbours are in several.
  EXPECT_EQ(seen.size(), 18 - 2 - 2);
  Draws draws({});
  EXPECT_EQ(reordered(count_to(1), 0.6, draws), count_to(1));
}

TEST(SequenceViews, TwoViewsAreOfDifferentKinds) {
  const Sequence items = count_to(10);
  const auto kind = [&](const Sequence& view) {
    if (view.size() < items.size()) return 'c';
    return std::count(view.begin(), view.end(), kHidden) > 0 ? 'm' : 'r';
  };
  std::set<std::pair<char, char>> kinds;
  for (uint64_t sample = 0; sample < kDrawn; ++sample) {
    const SequencePair pair = two_views(items, {}, kHidden, {1, 2, sample, 3});
    kinds.emplace(kind(pair.a), kind(pair.b));
  }
  EXPECT_EQ(kinds.size(), 6);
  for (const auto& [a, b] : kinds) EXPECT_NE(a, b);
  // One kind alone: the two differ by their draws.
  const SequencePair both = two_views(items, {.crop = 0, .reorder = 0}, kHidden, {1, 2, 5, 3});
  EXPECT_EQ(kind(both.a), 'm');
  EXPECT_EQ(kind(both.b), 'm');
  EXPECT_NE(both.a, both.b);
}

TEST(SequenceViews, DependOnTheirKey) {
  const Sequence items = count_to(12);
  const auto pair = [&](DrawKey key) {
    const SequencePair views = two_views(items, {}, kHidden, key);
    return std::pair(views.a, views.b);
  };
  EXPECT_EQ(pair({1, 2, 3, 4}), pair({1, 2, 3, 4}));
  for (const DrawKey& other : {DrawKey{2, 2, 3, 4}, {1, 3, 3, 4}, {1, 2, 4, 4}, {1, 2, 3, 8}}) {
    EXPECT_NE(pair({1, 2, 3, 4}), pair(other));
  }
}

TEST(SequenceViews, WantAnOperation) {
  const SequenceViewOptions none{0, 0, 0};
  EXPECT_THROW(none.check(), Error);
  SequenceViewOptions{}.check();
}

}  // namespace
}  // namespace vistas::recommend
