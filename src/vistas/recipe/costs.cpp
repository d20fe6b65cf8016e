#include "vistas/recipe/costs.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "vistas/base/clock.h"
#include "vistas/base/error.h"
#include "vistas/base/memory.h"
#include "vistas/learn/group.h"

namespace vistas::recipe {
namespace {

std::string megabytes(int64_t bytes) {
  if (bytes < 1'000'000) return fmt::format("{} bytes", bytes);
  return fmt::format("{:.0f} MB", static_cast<double>(bytes) / 1e6);
}

// The largest of all processes.
int64_t most_of_group(int64_t value) {
  const at::Tensor own = at::full({1}, value, at::kLong);
  return learn::Group::current().gather(own).max().item<int64_t>();
}

Costs measure(Training& training, const std::function<void(learn::TrainOptions&)>& change,
              int64_t steps, double seconds) {
  const auto start = Clock::now();
  reset_peak_memory();
  Costs costs;
  costs.memory.program = peak_memory_bytes();
  learn::TrainParts parts = training.parts();
  const learn::TrainOptions given = parts.train;
  change(parts.train);
  learn::Trainer trainer(std::move(parts));
  const std::vector<double> times = trainer.time_steps(steps, seconds);
  costs.seconds_per_step =
      std::accumulate(times.begin(), times.end(), 0.0) / static_cast<double>(times.size());
  costs.seconds_per_score = trainer.time_score();
  costs.steps = trainer.total_steps();
  costs.steps_per_epoch = trainer.steps_per_epoch();
  costs.scores = trainer.scores();
  costs.parameters = trainer.parameters();
  costs.negatives_per_anchor =
      trainer.negatives_per_anchor() + training.hard_negatives(given.batch);
  costs.negatives = negatives_text(trainer, training, given.batch);
  costs.recomputable = trainer.recomputable();
  const int64_t kept =
      given.keep_every > 0 ? costs.steps / costs.steps_per_epoch / given.keep_every : 0;
  costs.checkpoints = 2 + kept;  // last and best
  costs.disk = costs.checkpoints * (trainer.parameter_bytes() + trainer.optimizer_bytes());
  MemoryParts& memory = costs.memory;
  memory.remembered = trainer.remembered_bytes();
  memory.parameters = trainer.parameter_bytes() - memory.remembered;
  memory.gradients = trainer.gradient_bytes();
  memory.optimizer = trainer.optimizer_bytes();
  memory.peak = peak_memory_bytes();
  memory.activations =
      std::max<int64_t>(0, memory.peak - memory.program - memory.remembered - memory.parameters -
                               memory.gradients - memory.optimizer);
  memory.peak = most_of_group(memory.peak);
  costs.spent = seconds_since(start);
  return costs;
}

// What a process of the group has of a batch.
int64_t largest_share(int64_t batch) {
  return learn::share_of_rows(batch, 0, learn::Group::current().size()).end;
}

// The most samples that micro-batches of one size have, at most `most`: a divisor of the batch; in
// a group a process cuts its share into parts that differ by one.
int64_t micro_batch_of(int64_t batch, int64_t most) {
  if (learn::Group::current().alone()) {
    int64_t d = std::clamp<int64_t>(most, 1, batch);
    while (batch % d != 0) --d;
    return d;
  }
  const int64_t share = largest_share(batch);
  const int64_t parts = (share + most - 1) / std::max<int64_t>(1, most);
  return (share + parts - 1) / parts;
}

// Peaks with `samples` of them at once in each process, few first, and what follows from them.
class Growth {
 public:
  Growth(Training& training, int64_t batch, int64_t limit, bool recompute,
         const std::function<void(const std::string&)>& progress)
      : share_(largest_share(batch)) {
    constexpr int64_t kFirst = 16;
    for (int64_t samples = std::min(share_, kFirst);;) {
      progress(fmt::format("measuring {} {}s{}", samples, training.unit(),
                           recompute ? ", activations recomputed" : ""));
      const Costs costs = measure(
          training,
          [&](learn::TrainOptions& o) {
            o.batch = std::min(batch, samples * learn::Group::current().size());
            o.micro_batch = 0;
            o.recompute = recompute;
          },
          2, 0);
      recomputable_ = costs.recomputable;
      const int64_t peak = costs.memory.peak;
      slope_ = measured_.empty() ? 0.0
                                 : static_cast<double>(peak - measured_.back().peak) /
                                       static_cast<double>(samples - measured_.back().samples);
      measured_.push_back({samples, peak});
      const int64_t next = std::min(2 * samples, share_);
      const double after = static_cast<double>(peak) + slope_ * static_cast<double>(next - samples);
      if (samples == share_ || after > static_cast<double>(limit)) break;
      samples = next;
    }
  }

  // Whether a process's whole share of the batch was measured, and its peak.
  bool whole() const { return measured_.back().samples == share_; }
  int64_t peak() const { return measured_.back().peak; }
  bool recomputable() const { return recomputable_; }
  // Samples that should stay below the limit.
  int64_t most(int64_t limit) const {
    const auto& [samples, peak] = measured_.back();
    if (slope_ <= 0) return samples;
    return samples + static_cast<int64_t>(static_cast<double>(limit - peak) / slope_);
  }

 private:
  struct Point {
    int64_t samples, peak;
  };
  int64_t share_;
  std::vector<Point> measured_;
  double slope_ = 0;  // bytes a sample, between the last two
  bool recomputable_ = false;
};

}  // namespace

double Costs::seconds_per_epoch() const {
  return seconds() * static_cast<double>(steps_per_epoch) / static_cast<double>(steps);
}

double Costs::seconds() const {
  return seconds_per_step * static_cast<double>(steps) +
         seconds_per_score * static_cast<double>(scores);
}

Costs measure_costs(Training& training, int64_t steps) {
  constexpr double kSeconds = 3;
  return measure(
      training, [](learn::TrainOptions&) {}, steps, kSeconds);
}

Fit fit_memory(Training& training, int64_t limit,
               const std::function<void(const std::string&)>& progress) {
  const learn::TrainOptions train = training.parts().train;
  if (learn::Group::current().any(!reset_peak_memory())) {
    throw Error(ErrorKind::resource,
                {.what = "--fit-memory: /proc/self/clear_refs cannot be written, so that peaks of "
                         "memory cannot be measured here",
                 .fix = "Try settings with --micro-batch and --set train.recompute=true"});
  }
  if (train.micro_batch > 0 || train.micro_tokens > 0 || train.recompute) {
    throw Error(ErrorKind::usage, {.what = "--fit-memory, which chooses how a batch is cut",
                                   .got = "a recipe or an option that says it",
                                   .fix = "Leave out --micro-batch, train.micro_tokens and "
                                          "train.recompute"});
  }
  constexpr double kMargin = 0.95;  // a long run finds some memory that a few steps do not
  const auto target = static_cast<int64_t>(kMargin * static_cast<double>(limit));
  const int64_t batch = train.batch, share = largest_share(batch);
  const Growth plain(training, batch, target, false, progress);
  if (plain.whole() && plain.peak() <= target) return {0, false, plain.peak()};
  std::optional<Growth> lean;
  if (plain.recomputable()) {
    lean.emplace(training, batch, target, true, progress);
    if (lean->whole() && lean->peak() <= target) return {0, true, lean->peak()};
  }
  // Batch norm, which sees the micro-batches of all processes together, wants no fewer.
  const int64_t fewest = std::min(share, 32 / learn::Group::current().size());
  Fit fit{micro_batch_of(batch, plain.most(target)), false};
  if (lean && fit.micro_batch < fewest) {
    fit = {micro_batch_of(batch, lean->most(target)), true};
  }
  int64_t least = std::min(plain.peak(), lean ? lean->peak() : plain.peak());
  while (true) {
    if (fit.micro_batch >= share) fit.micro_batch = micro_batch_of(batch, share - 1);
    if (fit.micro_batch < 2) break;  // batch norm wants two
    progress(fmt::format("measuring {} of {} {}s", fit.micro_batch, share, training.unit()));
    fit.memory = measure(
                     training,
                     [&](learn::TrainOptions& o) {
                       o.micro_batch = fit.micro_batch;
                       o.recompute = fit.recompute;
                     },
                     1, 0)
                     .memory.peak;
    if (fit.memory <= target) return fit;
    least = std::min(least, fit.memory);
    const int64_t next = micro_batch_of(batch, fit.micro_batch * 3 / 4);
    if (lean && !fit.recompute && next < fewest) {
      fit = {micro_batch_of(batch, lean->most(target)), true};
    } else if (next < 2 || next == fit.micro_batch) {
      break;
    } else {
      fit.micro_batch = next;
    }
  }
  throw Error(ErrorKind::usage,
              {.what = "--fit-memory: nothing stays below it",
               .got = megabytes(limit),
               .expected = "at least " + megabytes(least),
               .fix = "Use a smaller batch, one with more divisors, a smaller encoder or views"});
}

std::string negatives_text(const learn::Trainer& trainer, const Training& training, int64_t batch) {
  return (trainer.spares_own_class() ? "at most " : "") +
         std::to_string(trainer.negatives_per_anchor() + training.hard_negatives(batch));
}

}  // namespace vistas::recipe
