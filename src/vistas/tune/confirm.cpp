#include "vistas/tune/confirm.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <thread>

#include "vistas/base/error.h"

namespace fs = std::filesystem;

namespace vistas::tune {
namespace {

std::string key_of(int64_t trial, int64_t seed) {
  return fmt::format("trial {} seed {}", trial, seed);
}

}  // namespace

Confirming::Confirming(const StudyOptions& options, const Subject& subject, StudyObserver& observer,
                       const std::atomic<bool>& stop)
    : o_(options),
      subject_(subject),
      observer_(observer),
      stop_(stop),
      kept_(options.folder / "confirm.jsonl") {}

Confirming::~Confirming() {
  for (const Training& training : trainings_) training.trial->ask_to_stop();
  for (const Training& training : trainings_) training.trial->wait();
}

std::optional<recipe::Numbers> Confirming::kept(int64_t trial, int64_t seed) {
  return kept_.get(key_of(trial, seed), [] { return std::nullopt; });
}

std::vector<double> Confirming::values(int64_t trial) {
  std::vector<double> values;
  for (const int64_t seed : fresh_seeds(o_, subject_)) {
    const auto numbers = kept(trial, seed);
    if (!numbers) return {};
    values.push_back(numbers->at("value"));
  }
  return values;
}

double Confirming::seconds_before(const std::vector<TrialRow>& trials) {
  double seconds = 0;
  for (const TrialRow& row : trials) {
    for (const int64_t seed : fresh_seeds(o_, subject_)) {
      if (const auto numbers = kept(row.trial, seed)) seconds += numbers->at("seconds");
    }
  }
  return seconds;
}

std::vector<Confirmed> Confirming::run(const std::vector<TrialRow>& trials,
                                       const std::vector<int64_t>& chosen) {
  for (const int64_t seed : fresh_seeds(o_, subject_)) {
    for (const int64_t trial : chosen) {
      if (kept(trial, seed)) continue;
      waiting_.emplace_back(&*std::ranges::find(trials, trial, &TrialRow::trial), seed);
    }
  }
  fs::create_directories(o_.folder / "confirm");
  const auto all = std::ssize(waiting_);
  while (!stop_) {
    while (std::ssize(trainings_) < o_.workers && !waiting_.empty()) begin_next();
    if (trainings_.empty()) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    for (size_t i = 0; i < trainings_.size();) {
      if (advance(trainings_[i])) {
        trainings_.erase(trainings_.begin() + static_cast<std::ptrdiff_t>(i));
      } else {
        ++i;
      }
    }
    observer_.on_confirming(all - std::ssize(waiting_) - std::ssize(trainings_), all);
  }
  std::vector<Confirmed> confirmed;
  for (const TrialRow& row : trials) {
    Confirmed c{row.trial, fresh_seeds(o_, subject_), values(row.trial)};
    if (!c.values.empty()) confirmed.push_back(std::move(c));
  }
  return confirmed;
}

void Confirming::begin_next() {
  const auto [row, seed] = waiting_.front();
  waiting_.erase(waiting_.begin());
  trainings_.push_back(
      {seed, std::make_unique<Trial>(o_, subject_, Suggestion{row->trial, row->settings},
                                     FreshSeed{.seed = seed, .steps = row->steps})});
}

// Looks at a training; whether it has ended.
bool Confirming::advance(Training& training) {
  Trial& trial = *training.trial;
  const bool ended = trial.poll();
  trial.new_scores();
  if (!ended) return false;
  const int code = trial.exit_code();
  if (code == 0 && std::isfinite(trial.row().value)) {
    keep(training, trial.row().value);
    return true;
  }
  if (code == static_cast<int>(ErrorKind::numeric)) {
    keep(training, std::numeric_limits<double>::quiet_NaN());
    return true;
  }
  const std::string name = key_of(trial.row().trial, training.seed);
  const bool killed = code > 128;
  const std::string why = killed ? fmt::format("the training was killed by signal {}", code - 128)
                                 : (code == 0 ? "no score in its metrics.jsonl" : trial.reason());
  if (killed && !std::exchange(trial.went_on, true)) {
    observer_.on_message(fmt::format("{}: {}; it goes on once", name, why));
    trial.go_on();
    return false;
  }
  throw Error(ErrorKind::resource,
              {.what = fmt::format("{}: {} failed: {}", o_.folder.string(), name, why),
               .fix = fmt::format("All that it printed is in {}; the same command goes on with the "
                                  "study, --confirm 0 leaves the trainings with fresh seeds out",
                                  trial.log().string())});
}

void Confirming::keep(Training& training, double value) {
  const TrialRow& row = training.trial->row();
  kept_.get(key_of(row.trial, training.seed), [&] {
    return recipe::KeptResult{
        .numbers = {{"value", value}, {"seconds", training.trial->seconds()}},
        .about = {{"trial", Value{.data = row.trial}}, {"seed", Value{.data = training.seed}}}};
  });
  fs::remove_all(confirm_folder(o_.folder, row.trial, training.seed) / "checkpoints");
  observer_.on_confirmed(row.trial, training.seed, value);
}

}  // namespace vistas::tune
