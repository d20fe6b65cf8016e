// Results of evaluations: an encoder on a task, over seeds.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "vistas/measure/summary.h"

namespace vistas::recipe {

struct EvalTask {
  std::string name, help;
};

// One line of a result.
struct EvalRow {
  std::string encoder;            // "trained", "untrained", a baseline
  std::string task;               // "knn k=20", "linear", "sts stsb-test" ...
  std::string measure = "top-1";  // what the values are
  std::string labels{};           // "1%"; "" for tasks without labels to learn from
  int64_t labelled = 0;           // samples
  int64_t neighbours = 0;         // knn: as asked for
  bool share = true;              // shown in percent
  std::vector<double> values{};   // by seed
  measure::Summary summary{};
};

// Collects values by (encoder, task, measure, labels) in the order of first appearance.
class EvalRows {
 public:
  // `row` says what the value is of; its own values are not looked at.
  void add(EvalRow row, double value);
  std::vector<EvalRow> finish();  // with summaries

 private:
  std::vector<EvalRow> rows_;
};

// What is being done, and how far it is; all = 0 where that is not counted.
using EvalProgress = std::function<void(const std::string& doing, int64_t done, int64_t all)>;

bool is_among(const std::vector<std::string>& names, const std::string& name);

// A usage error for the first of `given` that is not known, with the nearest names.
void check_known(const std::string& what, const std::vector<std::string>& given,
                 const std::vector<std::string>& known);

// The name among `splits` that a measure reports on beside "train": test, val, valid or
// validation; "" if there are not both.
std::string measured_split(const std::vector<std::string>& splits);

}  // namespace vistas::recipe
