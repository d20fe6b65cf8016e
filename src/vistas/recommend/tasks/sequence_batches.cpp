#include "vistas/recommend/tasks/sequence_batches.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "vistas/base/error.h"
#include "vistas/recommend/encoders/sequence_encoder.h"

namespace vistas::recommend {
namespace {

// Streams of draws.
constexpr uint32_t kAltered = 1, kSameTarget = 8;

std::vector<std::span<const int32_t>> spans_of(const std::vector<Sequence>& sequences) {
  return {sequences.begin(), sequences.end()};
}

}  // namespace

SequenceBatches::SequenceBatches(std::shared_ptr<const Interactions> train,
                                 const SequenceBatchOptions& options)
    : train_(std::move(train)), options_(options) {
  for (int64_t user = 0; user < train_->users(); ++user) {
    if (train_->count_of(user) >= 2) users_.push_back(static_cast<int32_t>(user));
  }
  if (users_.size() < 2) {
    throw Error(ErrorKind::data,
                {.what = "sequences",
                 .got = fmt::format("{} with two or more training interactions",
                                    users_.size() == 1 ? "one user" : "no user"),
                 .expected = "two users or more",
                 .fix = "Sequences need users who come back; --set encoder.name=graph needs none"});
  }
  if (options_.views == SequenceViews::altered) options_.altered.check();
  if (options_.views != SequenceViews::same_target) return;
  user_of_.resize(static_cast<size_t>(train_->size()));
  starts_.assign(static_cast<size_t>(train_->items()) + 1, 0);
  for (const int32_t user : users_) {
    const int64_t begin = train_->begin_of(user), end = train_->end_of(user);
    std::fill(user_of_.begin() + begin, user_of_.begin() + end, user);
    for (int64_t row = begin + 1; row < end; ++row) {
      targets_.push_back(row);
      ++starts_[static_cast<size_t>(train_->item[static_cast<size_t>(row)]) + 1];
    }
  }
  std::partial_sum(starts_.begin(), starts_.end(), starts_.begin());
  std::stable_sort(targets_.begin(), targets_.end(), [&](int64_t a, int64_t b) {
    return train_->item[static_cast<size_t>(a)] < train_->item[static_cast<size_t>(b)];
  });
}

std::span<const int32_t> SequenceBatches::recent(int64_t user, int64_t most) const {
  const auto all = train_->items_of(user);
  return all.last(std::min(all.size(), static_cast<size_t>(most)));
}

// What the user of a row had before it.
std::span<const int32_t> SequenceBatches::before(int64_t row) const {
  const int64_t begin = train_->begin_of(user_of_[static_cast<size_t>(row)]);
  const int64_t count = std::min(row - begin, options_.max_length);
  return std::span(train_->item)
      .subspan(static_cast<size_t>(row - count), static_cast<size_t>(count));
}

learn::Batch SequenceBatches::make(const std::vector<int64_t>& samples, uint64_t epoch) const {
  learn::Batch batch;
  const auto count = static_cast<int64_t>(samples.size());
  batch.index = at::tensor(samples, at::kLong);
  batch.label = at::full({count, options_.max_length}, -1, at::kLong);
  auto* next = batch.label.mutable_data_ptr<int64_t>();
  std::vector<std::span<const int32_t>> had;
  for (const int64_t sample : samples) {
    const auto items = recent(users_[static_cast<size_t>(sample)], options_.max_length + 1);
    had.push_back(items.first(items.size() - 1));
    std::copy(items.begin() + 1, items.end(), next);
    next += options_.max_length;
  }
  batch.views.push_back(sequence_inputs(had));
  if (options_.views == SequenceViews::altered) add_altered(batch, samples, epoch);
  if (options_.views == SequenceViews::same_target) add_same_target(batch, samples, epoch);
  return batch;
}

void SequenceBatches::add_altered(learn::Batch& batch, const std::vector<int64_t>& samples,
                                  uint64_t epoch) const {
  std::vector<Sequence> a, b;
  for (const int64_t sample : samples) {
    const auto items = recent(users_[static_cast<size_t>(sample)], options_.max_length);
    SequencePair pair = two_views(items, options_.altered, hidden_item(train_->items()),
                                  {options_.seed, epoch, static_cast<uint64_t>(sample), kAltered});
    a.push_back(std::move(pair.a));
    b.push_back(std::move(pair.b));
  }
  batch.views.push_back(sequence_inputs(spans_of(a)));
  batch.views.push_back(sequence_inputs(spans_of(b)));
}

void SequenceBatches::add_same_target(learn::Batch& batch, const std::vector<int64_t>& samples,
                                      uint64_t epoch) const {
  std::vector<std::span<const int32_t>> own, other;
  batch.group = at::empty_like(batch.index);
  auto* target = batch.group.mutable_data_ptr<int64_t>();
  for (const int64_t sample : samples) {
    Draws draws({options_.seed, epoch, static_cast<uint64_t>(sample), kSameTarget});
    const int64_t user = users_[static_cast<size_t>(sample)];
    const int64_t row = train_->begin_of(user) + 1 + draws.below(train_->count_of(user) - 1);
    const auto item = static_cast<size_t>(train_->item[static_cast<size_t>(row)]);
    const int64_t places = starts_[item + 1] - starts_[item];
    const int64_t* place = targets_.data() + starts_[item];
    int64_t chosen = row;
    if (places > 1) {
      // Evenly among the others: the place drawn and those behind it move up by one.
      const int64_t mine = std::lower_bound(place, place + places, row) - place;
      const int64_t drawn = draws.below(places - 1);
      chosen = place[drawn + (drawn >= mine ? 1 : 0)];
    }
    own.push_back(before(row));
    other.push_back(before(chosen));
    *target++ = static_cast<int64_t>(item);
  }
  batch.views.push_back(sequence_inputs(own));
  batch.views.push_back(sequence_inputs(other));
}

}  // namespace vistas::recommend
