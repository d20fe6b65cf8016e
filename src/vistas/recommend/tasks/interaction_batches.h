// From interactions to batches of users and items.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "vistas/learn/loader.h"
#include "vistas/recommend/sources/interactions.h"

namespace vistas::recommend {

// A sample is an interaction. views[0] is its user, views[1] its item: "node" [B] int64, the number
// of a user, or that of an item behind all users. Batch::group is the item, so that with
// method.mask_groups an item that a batch holds twice is no negative of itself.
class InteractionBatches : public learn::BatchMaker {
 public:
  explicit InteractionBatches(std::shared_ptr<const Interactions> train);

  int64_t size() const override { return train_->size(); }
  learn::Batch make(const std::vector<int64_t>& samples, uint64_t epoch) const override;

 private:
  std::shared_ptr<const Interactions> train_;
  std::vector<int32_t> users_;  // of each interaction
};

}  // namespace vistas::recommend
