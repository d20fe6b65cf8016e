// Pictures to features: one pass over a source with a frozen encoder.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "vistas/vision/sources/sample_reader.h"
#include "vistas/vision/sources/source.h"
#include "vistas/vision/tasks/bundle.h"

namespace vistas::vision {

struct FeatureOptions {
  int64_t batch = 256;
  int threads = 0;  // that read pictures; 0: one a core
  std::string device = "auto";
  std::string precision = "auto";
  std::string on_bad_image = "skip";  // or "fail"
};

struct Features {
  at::Tensor values;             // [M, D] float32 on the CPU
  std::vector<int64_t> samples;  // [M], ascending: what each row was made from
  BadImages bad;                 // what was left out
};

using FeatureProgress = std::function<void(int64_t done, int64_t all)>;

// The encoder's features of every picture of the source that can be read, in order. Processes of a
// group share the pictures; all get all features. Progress is that of a process's own.
Features extract_features(const Bundle& bundle, std::shared_ptr<const ImageSource> source,
                          const FeatureOptions& options = {}, const FeatureProgress& progress = {});

// The preprocessed pixels themselves, D = C H W: the baseline without any encoder.
Features pixel_features(const ViewRecipe& preprocess, std::shared_ptr<const ImageSource> source,
                        const FeatureOptions& options = {});

}  // namespace vistas::vision
