// Which settings of a configuration a search may change, and how far.
#pragma once

#include <string>
#include <vector>

#include "vistas/recipe/config.h"

namespace vistas::tune {

// One searched setting: a range of numbers or, where there are any, choices.
struct Dimension {
  std::string name{};  // "schedule.lr"
  double low = 0, high = 0;
  bool log = false;    // drawn evenly on a logarithmic scale
  bool whole = false;  // whole numbers only
  std::vector<Value> choices{};
  Value now{};  // what the configuration has

  bool holds(const Value& value) const;
  // "0.03 .. 3, logarithmic" or "32, 64, 128".
  std::string text() const;
};

using Space = std::vector<Dimension>;

struct SpaceWishes {
  // "schedule.lr=0.01..1,log", "encoder.width=8..32", "train.batch=64,128,256": searched so.
  std::vector<std::string> ranges;
  // If there are any, nothing else is searched: names with a range in `ranges` or by default.
  std::vector<std::string> only;
  std::vector<std::string> fixed;  // never searched: what the user has set by hand
  // Search probabilities and strengths of views (view_space.h), and else only what is named above.
  bool views = false;
};

// The settings to search. By default, around their values v in the configuration, as far as their
// options allow:
//
//   schedule.lr, optimizer.weight_decay, temperatures, weights of loss terms
//                                     v/10 .. 10 v, v/30 .. 30 v, v/4 .. 4 v, v/5 .. 5 v,
//                                     logarithmic
//   momentum of a teacher             1 - 4 (1 - v) .. 1 - (1 - v) / 4
//   views.strength                    v/4 .. 2 v
//   views.crop_area, train.batch and widths of heads   a few values around v
//
// The settings of view_space.h are searched where wishes.views is set or `only` names them.
//
// What is 0 is switched off and stays so. Where `labels` is false (the score is one of the
// embeddings themselves, under the views of each trial) views, batch and widths of heads are left
// alone, because such scores of different views, batches and widths do not compare; methods'
// temperatures likewise. `samples` bounds the batch. A short name like "lr" stands for the one
// setting whose last part it is. Usage errors: a name that does not exist, an empty range, values
// that the option refuses, and settings that tell how trials are compared (data, length, scores,
// seed, device, method.name).
Space search_space(recipe::Config& config, const SpaceWishes& wishes, bool labels, int64_t samples);

}  // namespace vistas::tune
