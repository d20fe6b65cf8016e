// Measures a trained encoder on labelled pictures.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "vistas/base/value.h"
#include "vistas/measure/knn.h"
#include "vistas/measure/summary.h"
#include "vistas/vision/sources/source.h"
#include "vistas/vision/tasks/bundle.h"
#include "vistas/vision/tasks/finetune.h"

namespace vistas::recipe {

// Labelled pictures to fit on and to report on.
struct LabelledData {
  std::shared_ptr<const vision::ImageSource> train, test;
  std::string description;  // "train/ and test/ of the data", "a stratified 80/20 split, seed 0"
};

// The data's own train and test (or val) splits; without them a stratified 80/20 split by seed.
LabelledData open_labelled(const std::string& path, const vision::SourceOptions& options,
                           uint64_t seed);

struct EvalOptions {
  std::vector<std::string> tasks{"knn", "linear"};  // of eval_tasks()
  std::vector<std::string> labels{"100%"};          // shares of the training labels
  int64_t seeds = 1;                                // label draws, and weights of baselines
  std::vector<std::string> baselines;               // of eval_baselines()
  measure::KnnOptions knn;
  vision::FinetuneOptions finetune;
};

struct EvalTask {
  std::string name, help;
};
const std::vector<EvalTask>& eval_tasks();
const std::vector<std::string>& eval_baselines();  // "pixels", "untrained", "scratch"

// One line of the result: an encoder on a task with so many labels, over seeds.
struct EvalRow {
  std::string encoder;         // "trained", "untrained", "pixels", "scratch"
  std::string task;            // "knn k=20", "linear", "linear-sgd", "finetune", "supervised"
  std::string labels;          // "1%"
  int64_t labelled = 0;        // pictures
  int64_t neighbours = 0;      // knn: as asked for
  std::vector<double> values;  // top-1 accuracy by seed, 0..1
  measure::Summary summary;
};

// What is being done, and how far it is; all = 0 where that is not counted.
using EvalProgress = std::function<void(const std::string& doing, int64_t done, int64_t all)>;

struct EvalResult {
  std::vector<EvalRow> rows;
  vision::BadImages bad;  // left out
};

EvalResult evaluate(const vision::Bundle& bundle, const LabelledData& data,
                    const EvalOptions& options, const EvalProgress& progress);

// One-shot recognition in the layout of Omniglot's runs: pictures "<run>/training/..." and
// "<run>/test/..." with labels; each test picture takes the label of the most similar training
// picture of its run. Accuracy of every run, for pixels, the untrained and the trained encoder.
std::vector<EvalRow> evaluate_one_shot(const vision::Bundle& bundle,
                                       std::shared_ptr<const vision::ImageSource> source,
                                       const EvalOptions& options);

}  // namespace vistas::recipe
