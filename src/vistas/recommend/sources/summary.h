// What a set of interactions is, in numbers that every result carries.
#pragma once

#include <cstdint>
#include <string>

#include "vistas/recommend/sources/interactions.h"

namespace vistas::recommend {

struct Spread {
  int64_t min = 0;
  double mean = 0;
  int64_t max = 0;
};

struct Summary {
  int64_t users = 0, items = 0, interactions = 0;
  double density = 0;                        // interactions / (users * items)
  int64_t empty_users = 0, empty_items = 0;  // without any interaction
  Spread per_user, per_item;
  uint64_t hash = 0;

  std::string text() const;  // a few lines
};

Summary summarise(const Interactions& data);

// Of who acted on what, when, how strongly and in which order, by the ids as they stand in the
// data: the same for any format and any order of users; different if anything else is.
uint64_t content_hash(const Interactions& data);

}  // namespace vistas::recommend
