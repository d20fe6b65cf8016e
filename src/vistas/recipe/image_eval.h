// Measures a trained encoder on labelled pictures.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "vistas/base/value.h"
#include "vistas/measure/knn.h"
#include "vistas/recipe/eval_rows.h"
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

const std::vector<EvalTask>& eval_tasks();
const std::vector<std::string>& eval_baselines();  // "pixels", "untrained", "scratch"

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
