// What commands of many short trainings share: results that are kept, and progress.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "vistas/base/value.h"
#include "vistas/learn/trainer.h"
#include "vistas/recipe/eval_rows.h"

namespace vistas::recipe {

using Numbers = std::map<std::string, double>;

// Of one training.
struct KeptResult {
  Numbers numbers{};   // measured
  ValueTable about{};  // for readers of the file
};

// Results of trainings in a file of JSON lines, written as soon as each is there, so that a call
// after a kill goes on behind the last whole line. The key has all that a result depends on.
class KeptResults {
 public:
  // An empty path: nothing is read or written.
  explicit KeptResults(std::filesystem::path file);

  // The numbers kept under `key`; otherwise those of `measure`, which are then kept. Nothing where
  // it returns nothing. A resource error if the file cannot be written.
  std::optional<Numbers> get(const std::string& key,
                             const std::function<std::optional<KeptResult>()>& measure);

 private:
  void write(const std::string& key, const KeptResult& result);

  std::filesystem::path file_;
  bool cut_short_ = false;  // its last line, by a kill
  std::map<std::string, Numbers> values_;
};

// Tells the steps of a training.
class StepProgress : public learn::TrainObserver {
 public:
  StepProgress(const EvalProgress& progress, std::string doing)
      : progress_(progress), doing_(std::move(doing)) {}
  void on_report(const learn::StepReport& report) override {
    progress_(doing_, report.step, report.total);
  }

 private:
  const EvalProgress& progress_;
  std::string doing_;
};

}  // namespace vistas::recipe
