#include "vistas/learn/loader.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "vistas/base/clock.h"
#include "vistas/base/error.h"
#include "vistas/learn/group.h"

namespace vistas::learn {
namespace {

constexpr uint32_t kOrderStream = 0xFFFF0001;  // beyond every view number

}  // namespace

std::vector<int64_t> BatchMaker::costs(const std::vector<int64_t>&, uint64_t) const {
  throw Error(ErrorKind::usage, {.what = "train.micro_tokens",
                                 .got = "samples without tokens",
                                 .expected = "texts",
                                 .fix = "Use train.micro_batch"});
}

Loader::Loader(std::shared_ptr<const BatchMaker> maker, const LoaderOptions& options)
    : maker_(std::move(maker)),
      options_(options),
      per_epoch_(options.shuffle ? steps_per_epoch(maker_->size(), options.batch)
                                 : (maker_->size() + options.batch - 1) / options.batch) {
  cursor_.step = options.first_step;
  if (per_epoch_ == 0) {
    throw Error(ErrorKind::usage,
                {.what = "the batch is larger than the data",
                 .got = "train.batch = " + std::to_string(options.batch),
                 .expected = "at most " + std::to_string(maker_->size()) + " samples"});
  }
  for (int t = 0; t < options.threads; ++t) threads_.emplace_back([this] { work(); });
}

LoaderOptions Loader::once(int64_t samples, int64_t batch, int threads) {
  return {.batch = batch,
          .threads = threads,
          .shuffle = false,
          .end_step = (samples + batch - 1) / batch};
}

Loader::~Loader() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
}

Loader::Order Loader::order(int64_t epoch) {
  const std::lock_guard lock(order_mutex_);
  Order& order = orders_[epoch];
  if (!order) {
    std::vector<int64_t> samples(static_cast<size_t>(maker_->size()));
    if (options_.shuffle) {
      Draws draws({options_.seed, static_cast<uint64_t>(epoch), 0, kOrderStream});
      samples = maker_->order(draws, options_.batch);
    } else {
      std::iota(samples.begin(), samples.end(), int64_t{0});
    }
    order = std::make_shared<const std::vector<int64_t>>(std::move(samples));
  }
  Order result = order;
  orders_.erase(orders_.begin(), orders_.lower_bound(epoch - 1));
  return result;
}

std::vector<int64_t> Loader::samples_of(int64_t step, int64_t begin, int64_t end) {
  const Order all = order(step / per_epoch_);
  const int64_t first = step % per_epoch_ * options_.batch;
  return {all->begin() + first + begin, all->begin() + std::min(first + end, maker_->size())};
}

// Where the parts of a step end, counted from its first sample.
std::vector<int64_t> Loader::ends_of(int64_t step) {
  std::vector<int64_t> ends;
  if (options_.ranks > 1) {
    const int64_t most = share_of_rows(options_.batch, 0, options_.ranks).end;
    const int64_t at_once = options_.micro_batch > 0 ? options_.micro_batch : most;
    const int64_t parts = (most + at_once - 1) / at_once;
    const auto [begin, end] = share_of_rows(options_.batch, options_.rank, options_.ranks);
    for (int64_t part = 0; part < parts; ++part) {
      ends.push_back(begin + share_of_rows(end - begin, part, parts).end);
    }
    return ends;
  }
  if (options_.micro_cost > 0) {
    const auto costs = maker_->costs(samples_of(step, 0, options_.batch),
                                     static_cast<uint64_t>(step / per_epoch_));
    int64_t sum = 0;
    for (size_t i = 0; i < costs.size(); ++i) {
      if (sum > 0 && sum + costs[i] > options_.micro_cost) {
        ends.push_back(static_cast<int64_t>(i));
        sum = 0;
      }
      sum += costs[i];
    }
  } else if (options_.micro_batch > 0) {
    for (int64_t end = options_.micro_batch; end < options_.batch; end += options_.micro_batch) {
      ends.push_back(end);
    }
  }
  ends.push_back(options_.batch);
  return ends;
}

// Under the mutex; `ends` is empty where nothing is left to make.
Loader::Cursor Loader::claim() {
  if (cursor_.step >= options_.end_step) return {};
  if (cursor_.at == 0) cursor_.ends = ends_of(cursor_.step);
  Cursor claimed = cursor_;
  if (++cursor_.at == 2 * cursor_.ends.size() - 1) cursor_ = {.step = cursor_.step + 1};
  return claimed;
}

Batch Loader::make(const Cursor& cursor) {
  const size_t part = cursor.part();
  const int64_t begin = part > 0
                            ? cursor.ends[part - 1]
                            : share_of_rows(options_.batch, options_.rank, options_.ranks).begin;
  Batch batch = maker_->make(samples_of(cursor.step, begin, cursor.ends[part]),
                             static_cast<uint64_t>(cursor.step / per_epoch_));
  batch.key = mix(options_.seed, static_cast<uint64_t>(cursor.step));
  if (cursor.ends.size() > 1) batch.key = mix(batch.key, part);
  return batch;
}

void Loader::work() {
  // Each thread may be two batches ahead.
  const auto ahead = static_cast<int64_t>(2 * options_.threads);
  while (true) {
    Cursor cursor;
    int64_t number = 0;
    try {
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return stop_ || error_ || claimed_ < taken_ + ahead; });
        if (stop_ || error_) return;
        cursor = claim();
        if (cursor.ends.empty()) return;
        number = claimed_++;
      }
      const auto start = Clock::now();
      Batch batch = make(cursor);
      const double seconds = seconds_since(start);
      const std::lock_guard lock(mutex_);
      making_ += seconds;
      ready_.emplace(number, Made{std::move(batch), static_cast<int64_t>(cursor.ends.size())});
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::current_exception();
    }
    changed_.notify_all();
  }
}

double Loader::making() {
  const std::lock_guard lock(mutex_);
  return making_;
}

Loader::Made& Loader::first_ready(std::unique_lock<std::mutex>& lock) {
  const auto start = Clock::now();
  changed_.wait(lock, [&] { return error_ || ready_.contains(taken_); });
  if (!ready_.contains(taken_)) std::rethrow_exception(error_);
  waited_ += seconds_since(start);
  return ready_.at(taken_);
}

int64_t Loader::parts() {
  std::unique_lock lock(mutex_);
  return first_ready(lock).parts;
}

Batch Loader::next() {
  Batch batch;
  {
    std::unique_lock lock(mutex_);
    batch = std::move(first_ready(lock).batch);
    ready_.erase(taken_);
    ++taken_;
  }
  changed_.notify_all();
  return batch;
}

}  // namespace vistas::learn
