// Optuna, which chooses what to try next and what to give up.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "vistas/tune/process.h"
#include "vistas/tune/space.h"

namespace vistas::tune {

// The Python program that talks to Optuna: driver.py.
extern const char* const kDriver;

struct SamplerOptions {
  std::string python = "python3";  // one that has Optuna
  std::filesystem::path folder{};  // gets study.db
  std::string sampler = "tpe";     // or "random"
  std::string pruner = "halving";  // or "median", "none"
  int64_t seed = 0;
  int64_t trials = 20;  // expected in all: with fewer, fewer of them are drawn at random
};

// Values of the searched settings, as TOML.
using Settings = std::vector<std::pair<std::string, std::string>>;

struct Suggestion {
  int64_t trial = 0;
  Settings settings{};
};

struct TrialRow {
  int64_t trial = 0;
  std::string state{};  // "complete", "pruned", "failed", "running"
  double value = std::numeric_limits<double>::quiet_NaN();  // the last one where it was pruned
  Settings settings{};
  double seconds = 0;  // of training and measuring
  int64_t peak_memory = 0, steps = 0;
  std::string why{};  // it failed
};

// Every member throws a resource error if Optuna cannot write to the study or has gone.
class Sampler {
 public:
  // Opens the study in the folder, or begins one with `first` as its first trials.
  Sampler(const SamplerOptions& options, const Space& space,
          const std::vector<std::vector<Value>>& first);

  // Trials that an earlier process has begun and not ended.
  const std::vector<Suggestion>& unfinished() const { return unfinished_; }
  Suggestion suggest();
  // The score of a trial after the rung-th part of its training; true: give it up.
  bool report(int64_t trial, int64_t rung, double value);
  // The end of row.trial.
  void tell(const TrialRow& row);
  // All trials so far in their order.
  std::vector<TrialRow> table();
  // Shares of the variance of the scores that settings explain (PED-ANOVA; Watanabe et al. 2023),
  // largest first; empty with few trials.
  std::vector<std::pair<std::string, double>> importance();

 private:
  // The answer to a question, both JSON.
  std::string ask(const std::string& question);

  std::filesystem::path folder_;
  std::unique_ptr<Process> python_;
  std::vector<Suggestion> unfinished_;
};

// Whether a Python can be started and has Optuna.
bool has_optuna(const std::string& python);

}  // namespace vistas::tune
