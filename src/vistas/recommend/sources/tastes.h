// Made-up interactions of users whose tastes are known, so that the best lists are known too.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "vistas/base/id_lists.h"

namespace vistas::recommend {

// Twenty tastes: "chess", "opera" ... A user has three of them in shares that are drawn, and 5 %
// are on all alike: theta_ut. An item belongs to one taste and a little to another, a_it, and is
// popular by its rank r within its taste, b_i:
//
//   chance_u(i) = sum over tastes t of theta_ut a_it b_i / (sum over items j of a_jt b_j)
//   b_i = (r + 5)^-0.8,  r = 0, 1 ..
//
// A user acts on 8 items and more, some 27 in the mean, drawn one after the other by these chances,
// each at most once. All draws are keyed by the seed.
class TasteWorld {
 public:
  TasteWorld(int64_t users, int64_t items, uint64_t seed);

  int64_t users() const { return acted_.view().size(); }
  int64_t items() const { return static_cast<int64_t>(weights_.size()); }
  const OwnIdLists& acted() const { return acted_; }  // the items of each user

  // Chances of all items, which add up to 1; out has items() places.
  void chances(int64_t user, std::span<float> out) const;

  static std::string user_name(int64_t user);  // "user-12"
  static std::string item_name(int64_t item);  // "chess-7": its taste, its rank there from 1
  std::string describe(int64_t user) const;    // "60 % chess, 30 % opera, 10 % wine"

 private:
  struct Share {
    int64_t taste = 0;
    double share = 0;
  };
  struct ItemWeights {
    Share first, second;  // a_it b_i, divided by the sum over items
  };
  std::vector<std::vector<Share>> tastes_;  // of each user, largest first
  std::vector<ItemWeights> weights_;
  OwnIdLists acted_;
};

}  // namespace vistas::recommend
