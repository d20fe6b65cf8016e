#include "vistas/recommend/sources/tastes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

namespace vistas::recommend {
namespace {

std::vector<float> chances_of(const TasteWorld& world, int64_t user) {
  std::vector<float> out(static_cast<size_t>(world.items()));
  world.chances(user, out);
  return out;
}

TEST(TasteWorld, ChancesFollowTastesAndRanks) {
  const TasteWorld world(50, 400, 1);
  EXPECT_EQ(world.user_name(0), "user-1");
  EXPECT_EQ(world.item_name(0), "astronomy-1");
  EXPECT_EQ(world.item_name(23), "chess-2");
  for (int64_t user = 0; user < world.users(); ++user) {
    const auto chances = chances_of(world, user);
    EXPECT_NEAR(std::accumulate(chances.begin(), chances.end(), 0.0), 1, 1e-5);
    // "63 % gardens, 26 % opera, 11 % knitting": the likeliest item is of the first taste.
    const auto best = std::ranges::max_element(chances) - chances.begin();
    const std::string item = TasteWorld::item_name(best), told = world.describe(user);
    const std::string taste = item.substr(0, item.find('-'));
    EXPECT_EQ(told.find(taste), told.find("% ") + 2) << item << " of " << told;
    EXPECT_TRUE(item.ends_with("-1")) << item;
  }
}

// Draws without replacement include item i with a chance near 1 - exp(-p_i t), where t makes the
// sum of these what was drawn (Rosen, "Asymptotic theory for successive sampling with varying
// probabilities without replacement", 1972).
TEST(TasteWorld, UsersActByTheirChances) {
  const TasteWorld world(2000, 400, 2);
  constexpr size_t kBins = 20;  // of rank within the taste
  std::vector<double> expected(kBins), observed(kBins);
  for (int64_t user = 0; user < world.users(); ++user) {
    const auto chances = chances_of(world, user);
    const auto acted = world.acted().view()[user];
    EXPECT_GE(acted.size(), 8u);
    const auto drawn = [&](double t) {
      double sum = 0;
      for (const float p : chances) sum += 1 - std::exp(-double{p} * t);
      return sum;
    };
    double low = 0, high = 1e6;
    for (int step = 0; step < 60; ++step) {
      const double middle = (low + high) / 2;
      (drawn(middle) < static_cast<double>(acted.size()) ? low : high) = middle;
    }
    for (size_t i = 0; i < chances.size(); ++i) {
      expected[i / 20] += 1 - std::exp(-double{chances[i]} * low);
    }
    for (const int32_t item : acted) ++observed[static_cast<size_t>(item) / 20];
  }
  for (size_t bin = 0; bin < kBins; ++bin) {
    EXPECT_NEAR(observed[bin], expected[bin], 4 * std::sqrt(expected[bin])) << "rank " << bin;
  }
}

TEST(TasteWorld, IsTheSameEverywhere) {
  const TasteWorld world(3, 100, 0), again(3, 100, 0), other(3, 100, 1);
  EXPECT_EQ(world.acted().ids, again.acted().ids);
  EXPECT_NE(world.acted().ids, other.acted().ids);
  EXPECT_EQ(world.describe(0), "63 % gardens, 26 % opera, 11 % knitting");
  const auto first = world.acted().view()[0];
  EXPECT_EQ(
      std::vector<int32_t>(first.begin(), first.end()),
      (std::vector<int32_t>{0, 8, 12, 21, 28, 32, 38, 42, 48, 51, 54, 57, 68, 71, 72, 88, 92, 99}));
}

}  // namespace
}  // namespace vistas::recommend
