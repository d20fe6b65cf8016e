#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <thread>

#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/base/run_folder.h"
#include "vistas/tune/study.h"

namespace fs = std::filesystem;

namespace vistas::tune {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kPoll = std::chrono::milliseconds(200);
constexpr int kFailures = 3;            // in a row end a study
constexpr double kShareOfSteps = 0.95;  // of a trial's time; the rest are reports and checkpoints

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

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

std::string read_if_there(const fs::path& file) {
  return fs::exists(file) ? read_file(file) : "";
}

// What the program said at its end: from its last "vistas: ".
std::string reason_in(const fs::path& log) {
  std::string text = read_if_there(log);
  const size_t at = text.rfind("vistas: ");
  text = at == std::string::npos ? "" : text.substr(at + 8);
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

bool disk_is_full(const std::string& reason) {
  return reason.find(std::strerror(ENOSPC)) != std::string::npos ||
         reason.find(std::strerror(EDQUOT)) != std::string::npos ||
         reason.find(std::strerror(EFBIG)) != std::string::npos;
}

// A trial that trains.
struct Slot {
  enum class Phase { timing, training, measuring };
  Phase phase = Phase::timing;
  TrialRow row{};
  Clock::time_point start = Clock::now();
  std::unique_ptr<Process> process{};
  int64_t rung = 0;  // that has been reported
  bool pruned = false, continued = false;
};

class Searching {
 public:
  Searching(const StudyOptions& options, const Subject& subject, const Space& space,
            StudyObserver& observer, const std::atomic<bool>& stop)
      : o_(options),
        subject_(subject),
        observer_(observer),
        stop_(stop),
        lock_(options.folder, stop),
        sampler_(options.sampler, space, first_trials(space)) {}

  ~Searching() {
    std::erase_if(slots_, [](const Slot& slot) { return slot.process == nullptr; });
    for (Slot& slot : slots_) slot.process->ask_to_stop();  // they save what they have
    for (Slot& slot : slots_) slot.process->wait();
  }
  Searching(const Searching&) = delete;
  Searching& operator=(const Searching&) = delete;

  StudyResult run() {
    rows_ = sampler_.table();
    std::erase_if(rows_, [](const TrialRow& row) { return row.state == "running"; });
    for (const TrialRow& row : rows_) seconds_before_ += row.seconds / o_.workers;
    best_ = best_of(rows_);
    for (const Suggestion& s : sampler_.unfinished()) waiting_.push_back(s);
    while (!stop_) {
      while (static_cast<int>(slots_.size()) < o_.workers && !stop_) {
        if (!begin_next()) break;
      }
      if (slots_.empty()) break;
      std::this_thread::sleep_for(kPoll);
      std::erase_if(slots_, [this](Slot& slot) { return advance(slot); });
      observer_.on_standing(standing());
    }
    StudyResult result;
    result.stopped = stop_;
    result.trials = sampler_.table();
    result.best = best_of(result.trials);
    result.importance = sampler_.importance();
    return result;
  }

 private:
  // Of a lone setting with choices, all; otherwise the recipe as it is, where the space holds it.
  static std::vector<std::vector<Value>> first_trials(const Space& space) {
    std::vector<std::vector<Value>> first;
    if (space.size() == 1) {
      for (const Value& choice : space[0].choices) first.push_back({choice});
    }
    const bool held = std::ranges::all_of(space, [](const Dimension& d) { return d.holds(d.now); });
    if (!first.empty() || !held) return first;
    first.emplace_back();
    for (const Dimension& d : space) first.back().push_back(d.now);
    return first;
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
    s.running = static_cast<int>(slots_.size());
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
      const auto begun = static_cast<int64_t>(rows_.size() + slots_.size());
      if (begun >= o_.sampler.trials) return false;
      const bool in_time = o_.seconds == 0 || elapsed() + seconds_of_trial() <= o_.seconds;
      if (begun > 0 && !in_time) return false;
      next = sampler_.suggest();
    }
    slots_.emplace_back();
    Slot& slot = slots_.back();
    slot.row.trial = next.trial;
    slot.row.settings = next.settings;
    const fs::path folder = trial_folder(o_.folder, next.trial);
    if (RunFolder::holds_run(folder)) {
      resume(slot);
    } else {
      fs::remove_all(folder);
      begin(slot);
    }
    return true;
  }

  std::vector<std::string> train_words(const Slot& slot) const {
    std::vector<std::string> words{o_.program, "train", (o_.folder / "recipe.toml").string()};
    for (const auto& [name, value] : slot.row.settings) {
      words.insert(words.end(), {"--set", name + "=" + value});
    }
    return words;
  }

  int64_t batch_of(const Slot& slot) const {
    for (const auto& [name, value] : slot.row.settings) {
      if (name == "train.batch") return std::stoll(value);
    }
    return subject_.batch;
  }

  fs::path log_of(const Slot& slot) const {
    return trial_folder(o_.folder, slot.row.trial).string() + ".log";
  }
  fs::path result_of(const Slot& slot) const {
    return trial_folder(o_.folder, slot.row.trial).string() + ".json";
  }

  void start(Slot& slot, Slot::Phase phase, const std::vector<std::string>& words) {
    slot.phase = phase;
    slot.process = std::make_unique<Process>(
        words, ProcessOptions{.log = log_of(slot), .environment = o_.environment});
  }

  void begin(Slot& slot) {
    if (o_.budget.seconds > 0) {
      auto words = train_words(slot);
      words.insert(words.end(), {"--dry-run", "--json", result_of(slot).string()});
      return start(slot, Slot::Phase::timing, words);
    }
    const double share = static_cast<double>(subject_.batch) / static_cast<double>(batch_of(slot));
    train(slot, std::max<int64_t>(1, std::llround(share * static_cast<double>(o_.budget.steps))));
  }

  // After a dry run: as many steps as fit.
  void begin_timed(Slot& slot) {
    const Value costs = parse_json(read_file(result_of(slot)), result_of(slot).string());
    const double step = std::get<double>(costs.table().at("seconds_per_step").data);
    const double left = (o_.budget.seconds - seconds_since(slot.start)) * kShareOfSteps;
    fs::remove(result_of(slot));
    train(slot, std::max<int64_t>(1, static_cast<int64_t>(left / step)));
  }

  void train(Slot& slot, int64_t steps) {
    slot.row.steps = steps;
    auto words = train_words(slot);
    words.insert(words.end(), {"--set", fmt::format("train.steps={}", steps)});
    if (!subject_.scores_set) {
      const double epochs = static_cast<double>(steps * batch_of(slot)) /
                            static_cast<double>(subject_.samples * kRungs);
      const bool online =
          subject_.scores && (o_.objective == Objective::online || o_.objective == Objective::eval);
      words.insert(words.end(),
                   {"--set", fmt::format("train.score_every={}", online ? epochs : 0.0)});
    }
    words.insert(words.end(), {"--out", trial_folder(o_.folder, slot.row.trial).string()});
    start(slot, Slot::Phase::training, words);
  }

  void resume(Slot& slot) {
    const fs::path folder = trial_folder(o_.folder, slot.row.trial);
    const Value config = read_toml(RunFolder::open(folder).config());
    slot.row.steps = std::get<int64_t>(config.table().at("train").table().at("steps").data);
    start(slot, Slot::Phase::training, {o_.program, "train", "--resume", folder.string()});
  }

  // Looks at a trial; whether it has ended.
  bool advance(Slot& slot) {
    const bool running = slot.process->running();
    if (slot.phase == Slot::Phase::training) report_scores(slot);
    if (running) return false;
    slot.row.peak_memory = std::max(slot.row.peak_memory, slot.process->peak_memory_bytes());
    const int code = slot.process->exit_code();
    if (slot.pruned) return end(slot, "pruned");
    if (code != 0) return failed(slot, code);
    if (slot.phase == Slot::Phase::timing) {
      begin_timed(slot);
      return false;
    }
    if (slot.phase == Slot::Phase::measuring) {
      slot.row.value = score_of_eval(read_file(result_of(slot)));
      return end(slot, "complete");
    }
    if (o_.objective == Objective::eval) {
      std::vector<std::string> words{o_.program, "eval",
                                     trial_folder(o_.folder, slot.row.trial).string()};
      words.insert(words.end(), o_.eval.begin(), o_.eval.end());
      words.insert(words.end(), {"--json", result_of(slot).string()});
      start(slot, Slot::Phase::measuring, words);
      return false;
    }
    if (slot.rung == 0) {
      slot.row.why = "no score in its metrics.jsonl";
      return end(slot, "failed");
    }
    return end(slot, "complete");
  }

  void report_scores(Slot& slot) {
    const fs::path file = trial_folder(o_.folder, slot.row.trial) / "metrics.jsonl";
    for (const Score& score : scores_in(read_if_there(file), o_.objective, slot.row.steps)) {
      if (score.rung <= slot.rung) continue;
      slot.rung = score.rung;
      slot.row.value = score.value;
      const bool give_up = sampler_.report(slot.row.trial, score.rung, score.value);
      if (!give_up || slot.pruned || score.rung == kRungs) continue;
      slot.pruned = true;
      slot.process->ask_to_stop();
    }
  }

  bool failed(Slot& slot, int code) {
    slot.row.why = reason_in(log_of(slot));
    if (disk_is_full(slot.row.why)) {
      throw Error(ErrorKind::resource,
                  {.what = trial_folder(o_.folder, slot.row.trial).string() + ": " + slot.row.why,
                   .fix = "The same command goes on with the study"});
    }
    // What diverges is a bad place to look, which Optuna learns from pruned trials only.
    if (code == static_cast<int>(ErrorKind::numeric)) return end(slot, "pruned");
    const bool died = code > 128;
    if (died) slot.row.why = fmt::format("the training was killed by signal {}", code - 128);
    if (died && !slot.continued) {
      observer_.on_message(
          fmt::format("trial {}: {}; it goes on once", slot.row.trial, slot.row.why));
      slot.continued = true;
      if (RunFolder::holds_run(trial_folder(o_.folder, slot.row.trial))) {
        resume(slot);
      } else {
        begin(slot);
      }
      return false;
    }
    // The recipe itself: it stays open, to be tried again.
    if (rows_.empty()) throw give_up(slot, code, "the first trial");
    end(slot, "failed");
    if (++failures_ == kFailures) {
      throw give_up(slot, code, fmt::format("{} trials in a row", kFailures));
    }
    return true;
  }

  Error give_up(const Slot& slot, int code, const std::string& who) const {
    const bool resource = code > 128 || code == static_cast<int>(ErrorKind::resource);
    const std::string why = slot.row.why.empty() ? "it gave no reason" : slot.row.why;
    return {resource ? ErrorKind::resource : ErrorKind::usage,
            {.what = fmt::format("{}: {} failed: {}", o_.folder.string(), who, why),
             .fix = "All that it printed is in " + log_of(slot).string()}};
  }

  bool end(Slot& slot, const std::string& state) {
    slot.row.state = state;
    slot.row.seconds = seconds_since(slot.start);
    if (state != "failed") failures_ = 0;
    const auto best = std::ranges::find(rows_, best_, &TrialRow::trial);
    const bool better =
        state == "complete" && (best == rows_.end() || slot.row.value > best->value);
    if (better) {
      const std::string toml = read_file(trial_folder(o_.folder, slot.row.trial) / "config.toml");
      write_file_atomic(
          o_.folder / "best.toml",
          fmt::format("# Trial {} of {}: {} {:.6g}\n{}", slot.row.trial, o_.folder.string(),
                      name_of(o_.objective), slot.row.value, toml));
    }
    sampler_.tell(slot.row);
    rows_.push_back(slot.row);
    fs::remove(result_of(slot));
    // Checkpoints of the best trial only: the others can be trained again.
    const int64_t beaten = better ? std::exchange(best_, slot.row.trial) : slot.row.trial;
    if (beaten >= 0) fs::remove_all(trial_folder(o_.folder, beaten) / "checkpoints");
    observer_.on_trial(rows_.back(), better);
    return true;
  }

  const StudyOptions& o_;
  const Subject& subject_;
  StudyObserver& observer_;
  const std::atomic<bool>& stop_;
  Lock lock_;
  Sampler sampler_;
  const Clock::time_point start_ = Clock::now();
  double seconds_before_ = 0;
  std::vector<TrialRow> rows_;  // that have ended
  int64_t best_ = -1;
  int failures_ = 0;  // in a row
  std::vector<Suggestion> waiting_;
  std::vector<Slot> slots_;
};

}  // namespace

StudyResult search(const StudyOptions& options, const Subject& subject, const Space& space,
                   StudyObserver& observer, const std::atomic<bool>& stop) {
  return Searching(options, subject, space, observer, stop).run();
}

}  // namespace vistas::tune
