// Interactions for training, for choosing settings and for the final measure.
#pragma once

#include <string>

#include "vistas/base/options.h"
#include "vistas/recommend/sources/read_interactions.h"

namespace vistas::recommend {

// The three have the same users and items.
struct Split {
  Interactions train, valid, test;
  std::string how;  // "leave one out", "given: train.txt, test.txt" ...
};

struct SplitOptions {
  std::string kind = "ratio";
  double valid = 0.1, test = 0.1;
  std::string order = "random";
  int64_t seed = 0;

  void fields(Fields& f);
};

// leave_one_out: a user's last action is for the test, the one before for validation (none with
//   valid = 0); a user's only action stays in training. RecBole's LS: valid_and_test.
// ratio: shares of each user's actions, drawn, or the last ones with order = "time"; counts are
//   RecBole's (RS with RO or TO): rounded down, but one where the share is less than one and
//   training keeps one.
// time: what happened in the last `test` and before that in the last `valid` share of all actions;
//   actions of one time stay together, in the later part.
// cold_items: all actions on a share of the items, drawn; none of them is in training.
// The order within a user is that of Interactions: time, else the file. Draws are keyed by seed and
// user or item: the same for any number of threads. A kind that needs times and has none, and a
// split without training or test interactions are data errors.
Split make_split(const Interactions& data, const SplitOptions& options);

// The split with a share of each user's training interactions, drawn, as validation.
Split with_validation(const Split& split, double share, int64_t seed);

// The split whose validation part is trained on too.
Split without_validation(const Split& split);

// Repeats until nothing changes: leaves out users with fewer than `per_user` and items with fewer
// than `per_item` interactions.
struct CoreReport {
  int64_t rounds = 0, users = 0, items = 0, rows = 0;  // left out
  std::string summary() const;
};
Interactions k_core(Interactions data, int64_t per_user, int64_t per_item,
                    CoreReport* report = nullptr);

// What a measure on the test should not be surprised by.
struct SplitCheck {
  int64_t test_rows = 0;
  int64_t seen_rows = 0;        // of the test, whose user has the item in training or validation
  int64_t untrained_users = 0;  // with test rows and no training rows
  int64_t unseen_items = 0;     // with test rows and no training rows
  int64_t unseen_rows = 0;      // of the test, on such items
  std::string summary() const;  // "" if there are none
};
SplitCheck check_split(const Split& split);

}  // namespace vistas::recommend
