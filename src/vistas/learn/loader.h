// Makes batches ahead of the training step, in an order that is a function of the seed.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "vistas/base/random.h"
#include "vistas/learn/batch.h"

namespace vistas::learn {

// Where batches come from: a wing reads samples and makes their views. make() is called from many
// threads at once and must depend on its arguments only.
class BatchMaker {
 public:
  virtual ~BatchMaker() = default;
  virtual int64_t size() const = 0;
  virtual Batch make(const std::vector<int64_t>& samples, uint64_t epoch) const = 0;
  // The order of an epoch, a permutation of all samples that is cut into batches.
  virtual std::vector<int64_t> order(Draws& draws, int64_t /*batch*/) const {
    return draws.permutation(size());
  }
  // What each sample of an epoch weighs in memory (tokens of texts, all views counted), for
  // LoaderOptions::micro_cost. A usage error where samples are not told apart by it.
  virtual std::vector<int64_t> costs(const std::vector<int64_t>& samples, uint64_t epoch) const;
  // Seconds that calls of make() have spent reading and decoding so far, in all threads; 0 where
  // that is not told apart from making views.
  virtual double reading_seconds() const { return 0; }
};

struct LoaderOptions {
  int64_t batch = 256;
  int64_t micro_batch = 0;  // a divisor of batch: hands a step over in parts; 0: whole
  int64_t micro_cost = 0;   // instead: parts of samples that cost no more together; 0: not so
  uint64_t seed = 0;
  int threads = 1;
  bool shuffle = true;     // false: in order, with a last batch that may be smaller
  int64_t first_step = 0;  // global step of the first batch; a resumed run goes on from here
  int64_t end_step = 0;    // one past the last step
  // Of several processes that share every batch, this one's: it makes share_of_rows(batch).
  int64_t rank = 0, ranks = 1;
};

// Step s takes samples [r * batch, (r + 1) * batch) of the order of epoch e, where
// e = s / steps_per_epoch and r = s % steps_per_epoch; when shuffled, the rest of an epoch that
// fills no batch is left out. Threads make whole batches and hand them over in order.
//
// With micro-batches a step is its parts in order, and then the same parts but the last once more.
// They are made when they are due, the second time too, so that memory does not grow with the
// batch; samples and views are those of the whole batch. A sample that costs more than micro_cost
// is a part by itself. Several processes have as many parts of a step each; the keys of batches are
// the same in all of them.
class Loader {
 public:
  Loader(std::shared_ptr<const BatchMaker> maker, const LoaderOptions& options);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  static int64_t steps_per_epoch(int64_t samples, int64_t batch) { return samples / batch; }
  // Passes over all samples in order, once.
  static LoaderOptions once(int64_t samples, int64_t batch, int threads);

  // Parts of the step that next() begins; 1: it is one batch. To be asked before a step's first.
  int64_t parts();

  // The batch of the next step, or its next part; rethrows what a thread threw while making it.
  Batch next();
  // Seconds next() has waited so far.
  double waited() const { return waited_; }
  // Seconds its threads have spent making batches so far, all together.
  double making();

 private:
  using Order = std::shared_ptr<const std::vector<int64_t>>;
  // The next batch to make: a part of a step. Parts of the step are cut at `ends`.
  struct Cursor {
    int64_t step = 0;
    size_t at = 0;  // of 2 parts - 1
    std::vector<int64_t> ends{};

    size_t part() const { return at % ends.size(); }
  };
  struct Made {
    Batch batch;
    int64_t parts = 0;  // of its step
  };
  void work();
  Order order(int64_t epoch);
  std::vector<int64_t> samples_of(int64_t step, int64_t begin, int64_t end);
  std::vector<int64_t> ends_of(int64_t step);
  Cursor claim();
  Batch make(const Cursor& cursor);
  Made& first_ready(std::unique_lock<std::mutex>& lock);

  std::shared_ptr<const BatchMaker> maker_;
  LoaderOptions options_;
  int64_t per_epoch_;  // steps
  double waited_ = 0, making_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  Cursor cursor_;
  int64_t claimed_ = 0, taken_ = 0;  // batches to make, and handed over
  std::map<int64_t, Made> ready_;    // finished batches
  std::exception_ptr error_;
  bool stop_ = false;
  std::mutex order_mutex_;
  std::map<int64_t, Order> orders_;
  std::vector<std::jthread> threads_;
};

}  // namespace vistas::learn
