// One trial of a study: the processes that time, train and measure it.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vistas/base/clock.h"
#include "vistas/tune/objective.h"
#include "vistas/tune/process.h"
#include "vistas/tune/study.h"

namespace vistas::tune {

// A trial that is trained again: with another seed, as long as it was.
struct FreshSeed {
  int64_t seed = 0, steps = 0;
};

// Its run folder is trial_folder(), or confirm_folder() with a fresh seed; the options and the
// subject must outlive it.
class Trial {
 public:
  // Begins, or goes on with the run that an earlier process has left there. With a budget of time
  // a dry run comes first, which tells how many steps fit; with Objective::eval `vistas eval` comes
  // last.
  Trial(const StudyOptions& options, const Subject& subject, const Suggestion& suggestion,
        std::optional<FreshSeed> fresh = {});

  // Looks after its processes; true when the last one has ended.
  bool poll();
  // Scores that training has written since the last call.
  std::vector<Score> new_scores();
  void give_up();
  void ask_to_stop();  // the training saves and ends
  void wait();
  void go_on();  // after it was killed: from its last checkpoint

  bool given_up() const { return given_up_; }
  int exit_code() const { return code_; }
  // What the program said at its end.
  std::string reason() const;
  std::filesystem::path log() const;
  TrialRow& row() { return row_; }
  double seconds() const;
  bool went_on = false;

 private:
  enum class Phase { timing, training, measuring };

  void begin();
  void begin_timed();
  void train(int64_t steps);
  void resume();
  void measure();
  void start(Phase phase, const std::vector<std::string>& words);
  std::vector<std::string> train_words() const;
  void add_intervals(std::vector<std::string>& words) const;
  int64_t batch() const;
  std::filesystem::path result() const;  // of the dry run or the evaluation, JSON

  const StudyOptions* o_;
  const Subject* subject_;
  std::optional<FreshSeed> fresh_;
  std::filesystem::path folder_;
  TrialRow row_;
  Phase phase_ = Phase::timing;
  Clock::time_point start_ = Clock::now();
  std::unique_ptr<Process> process_;
  int64_t rung_ = 0;  // of the last score
  int code_ = 0;
  bool given_up_ = false;
};

}  // namespace vistas::tune
