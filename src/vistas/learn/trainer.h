// The training loop of every method and modality.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vistas/base/options.h"
#include "vistas/base/run_folder.h"
#include "vistas/learn/group_step.h"
#include "vistas/learn/health.h"
#include "vistas/learn/loader.h"
#include "vistas/learn/method.h"
#include "vistas/learn/optimizer.h"
#include "vistas/learn/schedule.h"

namespace vistas::learn {

struct TrainOptions {
  int64_t epochs = 100;
  int64_t steps = 0;
  int64_t batch = 256;
  int64_t micro_batch = 0;
  int64_t micro_tokens = 0;
  bool recompute = false;
  int64_t seed = 0;
  std::string precision = "auto";
  std::string device = "auto";
  int64_t loader_threads = 0;
  int64_t log_every = 10;
  double score_every = 0;
  int64_t patience = 0;
  int64_t checkpoint_every = 1;
  int64_t keep_every = 0;
  std::vector<std::string> frozen{};

  void fields(Fields& f);
};

// What the loop tells whoever watches it.
struct StepReport {
  int64_t epoch = 0, epochs = 0;  // counted from 1
  int64_t step = 0, total = 0;    // finished steps
  double loss = 0;                // mean since the last report
  double learning_rate = 0;
  double samples_per_second = 0;  // moving average
  double waiting = 0;             // share of the time spent waiting for data
  double seconds_left = 0;
  Health health;
};

class TrainObserver {
 public:
  virtual ~TrainObserver() = default;
  virtual void on_report(const StepReport&) {}
  virtual void on_message(const std::string&) {}  // warnings, scores
};

struct TrainResult {
  int64_t step = 0;
  double seconds = 0;  // of this call
  double samples_per_second = 0;
  double waiting = 0;
  double loss = 0;         // of the last report
  double best_score = -1;  // of the online score; -1 if there is none
  bool stopped = false;    // by the stop flag, with a checkpoint
};

// Seconds of steps by what they went to, all together.
struct StepTimes {
  double waiting = 0;   // for the loader
  double forward = 0;   // network, of all micro-batches
  double loss = 0;      // and its gradient by embeddings; exchange of embeddings
  double backward = 0;  // network; with micro-batches their second forward passes too
  double optimizer = 0;
  double making = 0;   // beside all that: of the loader's threads, all together
  double reading = 0;  // of `making`, where it is told apart from making views
};

// What a run is made of. The method must not have been moved or cast: the trainer does that.
struct TrainParts {
  std::shared_ptr<Method> method;
  std::shared_ptr<const BatchMaker> data;
  TrainOptions train;
  OptimizerOptions optimizer;
  ScheduleOptions schedule;
  // Names and contents of the files beside encoder.safetensors that make it a bundle.
  std::vector<std::pair<std::string, std::string>> encoder_files;
  // Higher is better; called on the encoder in evaluation mode every train.score_every epochs.
  std::function<double(Encoder&)> score;
  std::string score_name;  // for people, "online kNN"
  // Processes of a group take whole batches instead of parts of them: the encoder shares its work
  // in another way, and everything else is the same in all of them.
  bool whole_batches = false;
};

class Trainer {
 public:
  explicit Trainer(TrainParts parts);

  int64_t step() const { return step_; }
  int64_t total_steps() const { return total_; }
  int64_t steps_per_epoch() const { return per_epoch_; }
  bool done() const;  // trained to the end, or as far as patience lasts
  const std::string& precision() const { return precision_; }  // "bf16" or "fp32", never "auto"
  at::Device device() const { return device_; }
  double peak_learning_rate() const;

  // Continues from the run's last checkpoint.
  void resume(const RunFolder& run);

  // Trains to the end, or until `stop` is set: then finishes the step, saves and returns.
  // A loss that is not finite is a numeric error; the last checkpoint stays usable.
  // With run = nullptr nothing is written. All processes of a Group take the steps together, from
  // where the first one stands, score together and stop together; the first one should have the
  // run.
  TrainResult run(const RunFolder* run, TrainObserver& observer, const std::atomic<bool>& stop);

  // Seconds of real steps after one to warm up, until there are `most` or they have taken
  // `seconds`. The method is changed by them: throw this trainer away.
  std::vector<double> time_steps(int64_t most, double seconds);
  // Of the steps of time_steps(), the first left out.
  const StepTimes& step_times() const { return step_times_; }
  // Seconds of one online score, 0 without.
  double time_score();
  int64_t scores() const;  // of the whole run

  // Whether train.recompute changes anything, known after a step.
  bool recomputable() const { return recomputable_; }
  int64_t parameters() const;       // trainable numbers, heads included
  int64_t parameter_bytes() const;  // and buffers
  int64_t gradient_bytes() const;   // of the last step
  int64_t optimizer_bytes() const;
  int64_t remembered_bytes() const;  // the method's own buffers: queues, memories, centres
  bool spares_own_class() const { return parts_.method->spares_own_class(); }
  int64_t negatives_per_anchor() const { return parts_.method->negatives(parts_.train.batch); }

 private:
  // Sums since the last report.
  struct Interval {
    int64_t steps = 0;
    double loss = 0, seconds = 0, waited = 0;
  };

  Embeddings embed(const Batch& batch);
  double send_loss_back(const GatheredBatch& whole);
  double train_step(Loader& loader, Embeddings* embeddings);
  void check_usable() const;
  void start_together();
  int64_t steps_between_scores() const;  // 0: none
  NamedTensors trained_parameters() const;
  Progress progress() const { return {step_, total_, per_epoch_}; }
  StepReport report(const Interval& interval, const Embeddings& embeddings) const;
  bool score(const RunFolder* run, TrainObserver& observer);
  void save(const RunFolder& run, bool best);
  LoaderOptions loader_options() const;
  // Among those that share every batch.
  int64_t rank() const { return parts_.whole_batches ? 0 : Group::current().rank(); }
  int64_t ranks() const { return parts_.whole_batches ? 1 : Group::current().size(); }

  TrainParts parts_;
  at::Device device_;
  std::string precision_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<GradientExchange> exchange_;
  std::unique_ptr<LearningRate> learning_rate_;
  int64_t per_epoch_ = 0, total_ = 0;
  int64_t step_ = 0;
  double best_score_ = -1;
  int64_t best_step_ = 0;
  bool recomputable_ = false;
  StepTimes step_times_;
  double first_loss_ = std::numeric_limits<double>::quiet_NaN();  // of this object's first step
};

}  // namespace vistas::learn
