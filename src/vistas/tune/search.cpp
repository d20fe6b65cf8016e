#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <thread>

#include "vistas/base/clock.h"
#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/tune/confirm.h"
#include "vistas/tune/trial.h"

namespace fs = std::filesystem;

namespace vistas::tune {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(200);
constexpr int kFailures = 3;  // in a row end a study

// One process at a time works on a study. Trainings inherit the lock, so that it is free only when
// those of a killed process have saved and gone, for which we wait.
class Lock {
 public:
  explicit Lock(const fs::path& folder, const std::atomic<bool>& stop) {
    constexpr double kPatience = 30;  // seconds
    const fs::path file = folder / "lock";
    fd_ = open(file.c_str(), O_RDWR | O_CREAT, 0644);
    if (fd_ < 0) throw_system_error(file.string(), errno);
    const auto start = Clock::now();
    while (flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      if (stop || seconds_since(start) > kPatience) {
        close(fd_);
        throw Error(ErrorKind::resource,
                    {.what = folder.string() + ": another process works on this study",
                     .fix = "Wait for it, or use --workers there to run several trials at a time"});
      }
      std::this_thread::sleep_for(kPoll);
    }
  }
  ~Lock() { close(fd_); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  int fd_;
};

bool disk_is_full(const std::string& reason) {
  return reason.find(std::strerror(ENOSPC)) != std::string::npos ||
         reason.find(std::strerror(EDQUOT)) != std::string::npos ||
         reason.find(std::strerror(EFBIG)) != std::string::npos;
}

class Searching {
 public:
  Searching(const StudyOptions& options, const Subject& subject, const Space& space,
            StudyObserver& observer, const std::atomic<bool>& stop)
      : o_(options),
        subject_(subject),
        space_(space),
        observer_(observer),
        stop_(stop),
        lock_(options.folder, stop),
        sampler_(options.sampler, space, first_trials(space, options.second)),
        confirming_(options, subject, observer, stop) {}

  ~Searching() {
    for (const auto& trial : trials_) trial->ask_to_stop();
    for (const auto& trial : trials_) trial->wait();
  }
  Searching(const Searching&) = delete;
  Searching& operator=(const Searching&) = delete;

  StudyResult run() {
    rows_ = sampler_.table();
    std::erase_if(rows_, [](const TrialRow& row) { return row.state == "running"; });
    for (const TrialRow& row : rows_) seconds_before_ += row.seconds / o_.workers;
    seconds_before_ += confirming_.seconds_before(rows_) / o_.workers;
    best_ = best_of(rows_);
    for (const Suggestion& s : sampler_.unfinished()) waiting_.push_back(s);
    while (!stop_) {
      while (static_cast<int>(trials_.size()) < o_.workers && !stop_) {
        if (!begin_next()) break;
      }
      if (trials_.empty()) break;
      std::this_thread::sleep_for(kPoll);
      advance_all();
      observer_.on_standing(standing());
    }
    StudyResult result;
    result.trials = sampler_.table();
    result.importance = sampler_.importance();
    result.best = best_of(result.trials);
    if (!stop_) confirm(result);
    if (result.best >= 0) keep_recipe(result);
    result.stopped = stop_;
    return result;
  }

 private:
  // Of a lone setting with choices, all; otherwise the recipe as it is, where the space holds it,
  // and then `second`.
  static std::vector<std::vector<Value>> first_trials(
      const Space& space, const std::vector<std::pair<std::string, Value>>& second) {
    std::vector<std::vector<Value>> first;
    if (space.size() == 1) {
      for (const Value& choice : space[0].choices) first.push_back({choice});
    }
    const bool held = std::ranges::all_of(space, [](const Dimension& d) { return d.holds(d.now); });
    if (!first.empty() || !held) return first;
    first.emplace_back();
    for (const Dimension& d : space) first.back().push_back(d.now);
    if (second.empty()) return first;
    first.push_back(first.back());
    for (const auto& [name, value] : second) {
      const auto at = std::ranges::find(space, name, &Dimension::name) - space.begin();
      first.back().at(static_cast<size_t>(at)) = value;
    }
    return first;
  }

  void confirm(StudyResult& result) {
    const auto chosen = trials_to_confirm(result.trials, space_, o_.confirm);
    if (chosen.empty()) return;
    result.confirmed = confirming_.run(result.trials, chosen);
    if (stop_) return;
    double best = -std::numeric_limits<double>::infinity();
    for (const Confirmed& c : result.confirmed) {
      const double mean = c.summary().mean;
      if (mean > best) best = mean, result.best = c.trial;
    }
  }

  void keep_recipe(const StudyResult& result) const {
    const auto row = std::ranges::find(result.trials, result.best, &TrialRow::trial);
    const auto c = std::ranges::find(result.confirmed, result.best, &Confirmed::trial);
    if (c == result.confirmed.end()) return keep_recipe(*row);
    keep_recipe(*row, fmt::format("# With the fresh seeds {}: {:.6g}; their mean is {:.6g}\n",
                                  fmt::join(c->seeds, ", "), fmt::join(c->values, ", "),
                                  c->summary().mean));
  }

  // To be left for training again with fresh seeds.
  double seconds_to_confirm() const {
    const auto trainings = static_cast<double>(trainings_to_confirm(o_));
    return std::ceil(trainings / o_.workers) * seconds_of_trial();
  }

  double elapsed() const { return seconds_before_ + seconds_since(start_); }

  // What a trial takes: the longest of those that were complete.
  double seconds_of_trial() const {
    double most = 0;
    for (const TrialRow& row : rows_) {
      if (row.state == "complete") most = std::max(most, row.seconds);
    }
    return most > 0 ? most : o_.budget.seconds;
  }

  Standing standing() const {
    Standing s;
    s.done = static_cast<int64_t>(rows_.size());
    s.trials = o_.sampler.trials;
    s.running = static_cast<int>(trials_.size());
    s.best = best_;
    for (const TrialRow& row : rows_) {
      if (row.trial == best_) s.best_value = row.value;
    }
    s.seconds = elapsed();
    if (s.done > 0) {
      s.seconds_left = s.seconds / static_cast<double>(s.done) *
                       static_cast<double>(std::max<int64_t>(0, s.trials - s.done));
    }
    if (o_.seconds > 0) {
      const double left = o_.seconds - s.seconds;
      s.seconds_left = s.seconds_left < 0 ? left : std::min(left, s.seconds_left);
    }
    return s;
  }

  bool begin_next() {
    Suggestion next;
    if (!waiting_.empty()) {
      next = waiting_.front();
      waiting_.erase(waiting_.begin());
    } else {
      const auto begun = static_cast<int64_t>(rows_.size() + trials_.size());
      if (begun >= o_.sampler.trials) return false;
      const bool in_time =
          o_.seconds == 0 || elapsed() + seconds_of_trial() + seconds_to_confirm() <= o_.seconds;
      if (begun > 0 && !in_time) return false;
      next = sampler_.suggest();
    }
    trials_.push_back(std::make_unique<Trial>(o_, subject_, next));
    return true;
  }

  void advance_all() {
    for (size_t i = 0; i < trials_.size();) {
      if (advance(*trials_[i])) {
        trials_.erase(trials_.begin() + static_cast<std::ptrdiff_t>(i));
      } else {
        ++i;
      }
    }
  }

  // Looks at a trial; whether it has ended.
  bool advance(Trial& trial) {
    const bool ended = trial.poll();
    for (const Score& score : trial.new_scores()) {
      const bool bad = sampler_.report(trial.row().trial, score.rung, score.value);
      const bool is_first = trial.row().trial == 0;  // what the others are compared with
      if (bad && !ended && !is_first && score.rung < kRungs) trial.give_up();
    }
    if (!ended) return false;
    if (trial.given_up()) return end(trial, "pruned");
    if (trial.exit_code() != 0) return failed(trial);
    if (std::isfinite(trial.row().value)) return end(trial, "complete");
    trial.row().why = "no score in its metrics.jsonl";
    return end(trial, "failed");
  }

  // Whether a trial that failed has ended.
  bool failed(Trial& trial) {
    const int code = trial.exit_code();
    const bool killed = code > 128;
    TrialRow& row = trial.row();
    row.why =
        killed ? fmt::format("the training was killed by signal {}", code - 128) : trial.reason();
    if (!killed && disk_is_full(row.why)) {
      throw Error(ErrorKind::resource,
                  {.what = trial_folder(o_.folder, row.trial).string() + ": " + row.why,
                   .fix = "The same command goes on with the study"});
    }
    // What diverges is a bad place to look, which Optuna learns from pruned trials only.
    if (code == static_cast<int>(ErrorKind::numeric)) return end(trial, "pruned");
    if (killed && !std::exchange(trial.went_on, true)) {
      observer_.on_message(fmt::format("trial {}: {}; it goes on once", row.trial, row.why));
      trial.go_on();
      return false;
    }
    // The recipe itself: it stays open, to be tried again.
    if (rows_.empty()) throw give_up(trial, "the first trial");
    end(trial, "failed");
    if (++failures_ == kFailures) {
      throw give_up(trial, fmt::format("{} trials in a row", kFailures));
    }
    return true;
  }

  Error give_up(Trial& trial, const std::string& who) const {
    const int code = trial.exit_code();
    const bool resource = code > 128 || code == static_cast<int>(ErrorKind::resource);
    const std::string why = trial.row().why.empty() ? "it gave no reason" : trial.row().why;
    return {resource ? ErrorKind::resource : ErrorKind::usage,
            {.what = fmt::format("{}: {} failed: {}", o_.folder.string(), who, why),
             .fix = "All that it printed is in " + trial.log().string()}};
  }

  bool end(Trial& trial, const std::string& state) {
    TrialRow& row = trial.row();
    row.state = state;
    row.seconds = trial.seconds();
    if (state != "failed") failures_ = 0;
    const auto best = std::ranges::find(rows_, best_, &TrialRow::trial);
    const bool better = state == "complete" && (best == rows_.end() || row.value > best->value);
    if (better) keep_recipe(row);
    sampler_.tell(row);
    rows_.push_back(row);
    if (better) best_ = row.trial;
    drop_checkpoints();
    observer_.on_trial(row, better);
    return true;
  }

  // Of all but the best trials: the others can be trained again.
  void drop_checkpoints() const {
    auto kept = trials_to_confirm(rows_, space_, o_.confirm);
    kept.push_back(best_);
    for (const TrialRow& row : rows_) {
      if (std::ranges::find(kept, row.trial) != kept.end()) continue;
      fs::remove_all(trial_folder(o_.folder, row.trial) / "checkpoints");
    }
  }

  void keep_recipe(const TrialRow& row, const std::string& confirmed = "") const {
    const std::string toml = read_file(trial_folder(o_.folder, row.trial) / "config.toml");
    write_file_atomic(o_.folder / "best.toml",
                      fmt::format("# Trial {} of {}: {} {:.6g} with seed {}, as here\n{}{}",
                                  row.trial, o_.folder.string(), name_of(o_.objective), row.value,
                                  subject_.seed, confirmed, toml));
  }

  const StudyOptions& o_;
  const Subject& subject_;
  const Space& space_;
  StudyObserver& observer_;
  const std::atomic<bool>& stop_;
  Lock lock_;
  Sampler sampler_;
  Confirming confirming_;
  const Clock::time_point start_ = Clock::now();
  double seconds_before_ = 0;
  std::vector<TrialRow> rows_;  // that have ended
  int64_t best_ = -1;
  int failures_ = 0;  // in a row
  std::vector<Suggestion> waiting_;
  std::vector<std::unique_ptr<Trial>> trials_;  // that train
};

}  // namespace

StudyResult search(const StudyOptions& options, const Subject& subject, const Space& space,
                   StudyObserver& observer, const std::atomic<bool>& stop) {
  return Searching(options, subject, space, observer, stop).run();
}

}  // namespace vistas::tune
