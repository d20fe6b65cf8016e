// What features are worth without labels, under the same views for every training.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "vistas/learn/health.h"
#include "vistas/learn/loader.h"

namespace vistas::tune {

// Two views of up to 512 samples evenly spread over the data, made once: by its own views no
// training could do better than one whose views are all equal.
class FixedViews {
 public:
  // A usage error if the data makes one view of a sample.
  explicit FixedViews(const learn::BatchMaker& data);

  // Alignment, uniformity and effective rank of the features of an encoder in evaluation mode.
  learn::Health look(learn::Encoder& encoder) const;
  // -(alignment + uniformity) (Wang and Isola 2020) of the encoder of pictures or texts of a run.
  double score(const std::filesystem::path& run) const;

 private:
  std::vector<learn::Batch> batches_;
};

}  // namespace vistas::tune
