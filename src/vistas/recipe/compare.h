// What models make of few labels: every model trained on the same draws of them.
#pragma once

#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

#include "vistas/base/value.h"
#include "vistas/recipe/eval_rows.h"

namespace vistas::recipe {

struct CompareOptions {
  std::string task = "classify";  // or "detect", "segment"
  std::string data;
  std::vector<std::string> models;  // runs; "scratch"; "untrained"
  std::vector<std::string> labels{"1%", "10%", "100%"};
  int64_t seeds = 3;
  std::string split;  // that is measured; "": test, else val
  std::string device = "auto", precision = "auto";
  Value over{.data = ValueTable{}};  // detect, segment: settings of the training
  std::filesystem::path kept;        // a file of finished trainings; those in it are not repeated
};

// One row a model and share of the labels, in that order. A run is fine-tuned, "scratch" is the
// architecture of the first run (of the settings where there is none) with new weights, trained
// alike; "untrained" leaves such a backbone frozen (classify: a linear probe of its features). For
// every seed the same pictures keep their labels, whatever the model. The measures: top-1, AP50 and
// mIoU. Stops after the training at hand once `stop` is set, with what there is.
std::vector<EvalRow> compare(const CompareOptions& options, const EvalProgress& progress,
                             const std::atomic<bool>& stop);

}  // namespace vistas::recipe
