#include "vistas/recommend/tasks/interaction_batches.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace vistas::recommend {

InteractionBatches::InteractionBatches(std::shared_ptr<const Interactions> train)
    : train_(std::move(train)), users_(static_cast<size_t>(train_->size())) {
  for (int64_t user = 0; user < train_->users(); ++user) {
    std::fill(users_.begin() + train_->begin_of(user), users_.begin() + train_->end_of(user),
              static_cast<int32_t>(user));
  }
}

learn::Batch InteractionBatches::make(const std::vector<int64_t>& samples, uint64_t) const {
  learn::Batch batch;
  batch.index = at::tensor(samples, at::kLong);
  const at::Tensor users = at::empty_like(batch.index), items = at::empty_like(batch.index);
  auto* user = users.mutable_data_ptr<int64_t>();
  auto* item = items.mutable_data_ptr<int64_t>();
  for (const int64_t sample : samples) {
    *user++ = users_[static_cast<size_t>(sample)];
    *item++ = train_->item[static_cast<size_t>(sample)];
  }
  batch.views = {{{{"node", users}}}, {{{"node", items + train_->users()}}}};
  batch.group = items;
  return batch;
}

}  // namespace vistas::recommend
