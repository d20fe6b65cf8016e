// From interactions to batches of what users had, in order of time.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "vistas/learn/loader.h"
#include "vistas/recommend/sources/interactions.h"
#include "vistas/recommend/views/sequence_views.h"

namespace vistas::recommend {

// What two more views of a batch are.
enum class SequenceViews {
  none,
  altered,      // the user's sequence cropped, with items hidden or in another order: CL4SRec
  same_target,  // a drawn beginning of it, and one of any user with the same next item: DuoRec
};

struct SequenceBatchOptions {
  int64_t max_length = 50;
  SequenceViews views = SequenceViews::none;
  SequenceViewOptions altered{};
  uint64_t seed = 0;
};

// A sample is a user with at least two interactions: its last max_length + 1 ones. views[0] holds
// all but the last of them, see sequence_inputs(), and Batch::label [B, max_length] the item after
// each position, -1 behind the end. So one pass learns from every beginning of a sequence, where
// others cut it into samples.
//
// Views 1 and 2 are what the options say, of the same training interactions. For same_target the
// beginning is drawn evenly, so is the other place where its next item is one (the same place
// where there is none), and Batch::group [B] is that item. Draws are keyed by seed, epoch and
// sample.
class SequenceBatches : public learn::BatchMaker {
 public:
  // A data error if fewer than two users have two interactions.
  SequenceBatches(std::shared_ptr<const Interactions> train, const SequenceBatchOptions& options);

  int64_t size() const override { return static_cast<int64_t>(users_.size()); }
  learn::Batch make(const std::vector<int64_t>& samples, uint64_t epoch) const override;

 private:
  std::span<const int32_t> recent(int64_t user, int64_t most) const;
  std::span<const int32_t> before(int64_t row) const;
  void add_altered(learn::Batch& batch, const std::vector<int64_t>& samples, uint64_t epoch) const;
  void add_same_target(learn::Batch& batch, const std::vector<int64_t>& samples,
                       uint64_t epoch) const;

  std::shared_ptr<const Interactions> train_;
  SequenceBatchOptions options_;
  std::vector<int32_t> users_;    // of each sample
  std::vector<int32_t> user_of_;  // of each row; like the two below only for same_target
  // Rows that have one of the same user before them, by their items.
  std::vector<int64_t> targets_;
  std::vector<int64_t> starts_;  // of each item in targets_
};

}  // namespace vistas::recommend
