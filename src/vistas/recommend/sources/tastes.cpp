#include "vistas/recommend/sources/tastes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "vistas/base/random.h"

namespace vistas::recommend {
namespace {

constexpr std::array<const char*, 20> kTastes = {
    "astronomy", "baking",  "ceramics", "chess",   "climbing", "cycling", "drawing",
    "fishing",   "gardens", "history",  "jazz",    "knitting", "opera",   "photography",
    "poetry",    "robots",  "sailing",  "surfing", "travel",   "wine"};
constexpr auto kCount = static_cast<int64_t>(kTastes.size());
constexpr double kFirst = 0.85;  // of an item's weight is on its own taste
constexpr double kAlike = 0.05;  // of a user's actions are on all tastes alike

enum Stream : uint32_t { kOfUser, kOfItem, kOfAction };

}  // namespace

TasteWorld::TasteWorld(int64_t users, int64_t items, uint64_t seed) {
  std::array<double, kTastes.size()> sums{};
  for (int64_t item = 0; item < items; ++item) {
    Draws draws({.seed = seed, .sample = static_cast<uint64_t>(item), .view = kOfItem});
    const double popular = std::pow(static_cast<double>(item / kCount) + 5, -0.8);
    const int64_t own = item % kCount, other = (own + 1 + draws.below(kCount - 1)) % kCount;
    weights_.push_back({{own, kFirst * popular}, {other, (1 - kFirst) * popular}});
    for (const Share* s : {&weights_.back().first, &weights_.back().second}) {
      sums[static_cast<size_t>(s->taste)] += s->share;
    }
  }
  for (ItemWeights& w : weights_) {
    for (Share* s : {&w.first, &w.second}) s->share /= sums[static_cast<size_t>(s->taste)];
  }
  std::vector<float> chance(static_cast<size_t>(items));
  std::vector<double> arrival(chance.size());
  std::vector<int32_t> order(chance.size());
  for (int64_t user = 0; user < users; ++user) {
    const auto sample = static_cast<uint64_t>(user);
    Draws draws({.seed = seed, .sample = sample, .view = kOfUser});
    const auto drawn = draws.permutation(kCount);
    const double most = draws.uniform(0.5, 0.8);
    tastes_.push_back(
        {{drawn[0], most}, {drawn[1], 0.7 * (1 - most)}, {drawn[2], 0.3 * (1 - most)}});
    const auto count = static_cast<size_t>(8 - 20 * std::log(1 - draws.uniform()));
    // The first arrivals of processes with these rates are draws without replacement.
    chances(user, chance);
    Draws times({.seed = seed, .sample = sample, .view = kOfAction});
    for (size_t i = 0; i < chance.size(); ++i) {
      const double wait = -std::log(1 - times.uniform());
      arrival[i] = chance[i] > 0 ? wait / double{chance[i]} : INFINITY;
    }
    std::iota(order.begin(), order.end(), 0);
    const size_t acts = std::min({count, chance.size(), size_t{150}});
    std::ranges::partial_sort(order, order.begin() + static_cast<int64_t>(acts), {},
                              [&](int32_t i) { return arrival[static_cast<size_t>(i)]; });
    acted_.add(std::span(order).first(acts));
  }
}

void TasteWorld::chances(int64_t user, std::span<float> out) const {
  std::array<double, kTastes.size()> theta{};
  theta.fill(kAlike / static_cast<double>(kCount));
  for (const Share& s : tastes_[static_cast<size_t>(user)]) {
    theta[static_cast<size_t>(s.taste)] += (1 - kAlike) * s.share;
  }
  for (size_t i = 0; i < out.size(); ++i) {
    const auto& [first, second] = weights_[i];
    out[i] = static_cast<float>(theta[static_cast<size_t>(first.taste)] * first.share +
                                theta[static_cast<size_t>(second.taste)] * second.share);
  }
}

std::string TasteWorld::user_name(int64_t user) {
  return fmt::format("user-{}", user + 1);
}

std::string TasteWorld::item_name(int64_t item) {
  return fmt::format("{}-{}", kTastes[static_cast<size_t>(item % kCount)], item / kCount + 1);
}

std::string TasteWorld::describe(int64_t user) const {
  std::string out;
  for (const Share& s : tastes_[static_cast<size_t>(user)]) {
    out += fmt::format("{}{:.0f} % {}", out.empty() ? "" : ", ", 100 * s.share,
                       kTastes[static_cast<size_t>(s.taste)]);
  }
  return out;
}

}  // namespace vistas::recommend
