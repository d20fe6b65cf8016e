#include "vistas/tune/trial.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "vistas/base/files.h"
#include "vistas/base/run_folder.h"

namespace fs = std::filesystem;

namespace vistas::tune {
namespace {

constexpr double kShareOfSteps = 0.95;  // of a trial's time; the rest are reports and checkpoints

std::string read_if_there(const fs::path& file) {
  return fs::exists(file) ? read_file(file) : "";
}

}  // namespace

Trial::Trial(const StudyOptions& options, const Subject& subject, const Suggestion& suggestion,
             std::optional<FreshSeed> fresh)
    : o_(&options),
      subject_(&subject),
      fresh_(fresh),
      folder_(fresh ? confirm_folder(options.folder, suggestion.trial, fresh->seed)
                    : trial_folder(options.folder, suggestion.trial)) {
  row_.trial = suggestion.trial;
  row_.settings = suggestion.settings;
  go_on();
}

void Trial::go_on() {
  if (RunFolder::holds_run(folder_)) return resume();
  fs::remove_all(folder_);
  begin();
}

bool Trial::poll() {
  if (process_->running()) return false;
  row_.peak_memory = std::max(row_.peak_memory, process_->peak_memory_bytes());
  code_ = process_->exit_code();
  if (given_up_ || code_ != 0) return true;
  if (phase_ == Phase::timing) {
    begin_timed();
    return false;
  }
  if (phase_ == Phase::training && o_->objective == Objective::eval) {
    measure();
    return false;
  }
  if (o_->objective == Objective::fixed_views) row_.value = subject_->fixed_views->score(folder_);
  if (phase_ == Phase::measuring) row_.value = score_of_eval(read_file(result()));
  fs::remove(result());
  return true;
}

std::vector<Score> Trial::new_scores() {
  if (row_.steps == 0) return {};
  auto scores = scores_in(read_if_there(folder_ / "metrics.jsonl"), o_->objective, row_.steps);
  std::erase_if(scores, [this](const Score& score) { return score.rung <= rung_; });
  if (!scores.empty()) {
    rung_ = scores.back().rung;
    row_.value = scores.back().value;
  }
  return scores;
}

void Trial::give_up() {
  given_up_ = true;
  ask_to_stop();
}

void Trial::ask_to_stop() {
  process_->ask_to_stop();
}

void Trial::wait() {
  process_->wait();
}

std::string Trial::reason() const {
  std::string text = read_if_there(log());
  const size_t at = text.rfind("vistas: ");
  text = at == std::string::npos ? "" : text.substr(at + 8);
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

fs::path Trial::log() const {
  return folder_.string() + ".log";
}

fs::path Trial::result() const {
  return folder_.string() + ".json";
}

double Trial::seconds() const {
  return seconds_since(start_);
}

void Trial::begin() {
  if (fresh_) return train(fresh_->steps);
  if (o_->budget.seconds > 0) {
    auto words = train_words();
    words.insert(words.end(), {"--dry-run", "--json", result().string()});
    return start(Phase::timing, words);
  }
  const double share = static_cast<double>(subject_->batch) / static_cast<double>(batch());
  train(std::max<int64_t>(1, std::llround(share * static_cast<double>(o_->budget.steps))));
}

// As many steps as the dry run says fit.
void Trial::begin_timed() {
  const Value costs = parse_json(read_file(result()), result().string());
  const double step = std::get<double>(costs.table().at("seconds_per_step").data);
  const double left = (o_->budget.seconds - seconds()) * kShareOfSteps;
  train(std::max<int64_t>(1, static_cast<int64_t>(left / step)));
}

void Trial::train(int64_t steps) {
  row_.steps = steps;
  auto words = train_words();
  words.insert(words.end(), {"--set", fmt::format("train.steps={}", steps)});
  if (fresh_) words.insert(words.end(), {"--set", fmt::format("train.seed={}", fresh_->seed)});
  add_intervals(words);
  words.insert(words.end(), {"--out", folder_.string()});
  start(Phase::training, words);
}

// A score and a checkpoint at every rung, unless the user wants others.
void Trial::add_intervals(std::vector<std::string>& words) const {
  const auto add = [&](const std::string& name, const std::string& value) {
    if (std::ranges::find(subject_->fixed, name) != subject_->fixed.end()) return;
    words.insert(words.end(), {"--set", name + "=" + value});
  };
  const double epochs =
      static_cast<double>(row_.steps * batch()) / static_cast<double>(subject_->samples * kRungs);
  const bool online =
      subject_->scores && (o_->objective == Objective::online || o_->objective == Objective::eval);
  add("train.score_every", fmt::format("{}", online ? epochs : 0.0));
  add("train.checkpoint_every", fmt::format("{}", std::max(1LL, std::llround(epochs))));
}

void Trial::resume() {
  const Value config = read_toml(RunFolder::open(folder_).config());
  row_.steps = std::get<int64_t>(config.table().at("train").table().at("steps").data);
  start(Phase::training, {o_->program, "train", "--resume", folder_.string()});
}

void Trial::measure() {
  std::vector<std::string> words{o_->program, "eval", folder_.string()};
  words.insert(words.end(), o_->eval.begin(), o_->eval.end());
  words.insert(words.end(), {"--json", result().string()});
  start(Phase::measuring, words);
}

void Trial::start(Phase phase, const std::vector<std::string>& words) {
  phase_ = phase;
  process_ = std::make_unique<Process>(
      words, ProcessOptions{.log = log(), .environment = o_->environment});
}

std::vector<std::string> Trial::train_words() const {
  std::vector<std::string> words{o_->program, "train", (o_->folder / "recipe.toml").string()};
  for (const auto& [name, value] : row_.settings) {
    words.insert(words.end(), {"--set", name + "=" + value});
  }
  return words;
}

int64_t Trial::batch() const {
  for (const auto& [name, value] : row_.settings) {
    if (name == "train.batch") return std::stoll(value);
  }
  return subject_->batch;
}

}  // namespace vistas::tune
