#include "vistas/learn/loader.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <string>

#include "vistas/base/error.h"

namespace vistas::learn {
namespace {

constexpr uint32_t kOrderStream = 0xFFFF0001;  // beyond every view number

}  // namespace

Loader::Loader(std::shared_ptr<const BatchMaker> maker, const LoaderOptions& options)
    : maker_(std::move(maker)),
      options_(options),
      parts_(options.micro_batch > 0 ? options.batch / options.micro_batch : 1),
      per_epoch_(options.shuffle ? steps_per_epoch(maker_->size(), options.batch)
                                 : (maker_->size() + options.batch - 1) / options.batch),
      claimed_(options.first_step * batches_per_step()),
      taken_(claimed_),
      end_(options.end_step * batches_per_step()) {
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

Batch Loader::make(int64_t number) {
  const int64_t step = number / batches_per_step();
  const int64_t part = number % batches_per_step() % parts_;
  const int64_t epoch = step / per_epoch_;
  const Order all = order(epoch);
  const int64_t rows = options_.batch / parts_;
  const int64_t begin = (step % per_epoch_) * options_.batch + part * rows;
  const int64_t end = std::min(begin + rows, maker_->size());
  Batch batch =
      maker_->make({all->begin() + begin, all->begin() + end}, static_cast<uint64_t>(epoch));
  batch.key = mix(options_.seed, static_cast<uint64_t>(step));
  if (parts_ > 1) batch.key = mix(batch.key, static_cast<uint64_t>(part));
  return batch;
}

void Loader::work() {
  // Each thread may be two batches ahead.
  const auto ahead = static_cast<int64_t>(2 * options_.threads);
  while (true) {
    int64_t number = 0;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(
          lock, [&] { return stop_ || error_ || claimed_ >= end_ || claimed_ < taken_ + ahead; });
      if (stop_ || error_ || claimed_ >= end_) return;
      number = claimed_++;
    }
    try {
      Batch batch = make(number);
      const std::lock_guard lock(mutex_);
      ready_.emplace(number, std::move(batch));
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::current_exception();
    }
    changed_.notify_all();
  }
}

Batch Loader::next() {
  const auto start = std::chrono::steady_clock::now();
  Batch batch;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return error_ || ready_.contains(taken_); });
    if (!ready_.contains(taken_)) std::rethrow_exception(error_);
    batch = std::move(ready_.extract(taken_).mapped());
    ++taken_;
  }
  changed_.notify_all();
  waited_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return batch;
}

}  // namespace vistas::learn
