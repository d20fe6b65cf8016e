// From a configuration to what trains on pictures.
#pragma once

#include <memory>

#include "vistas/recipe/image_config.h"
#include "vistas/vision/tasks/image_batches.h"

namespace vistas::recipe {

// The split `train` where the data has splits and none is named. The method's encoder has the
// channels of the pictures and the size of the views; with labels there is also the online kNN
// score, on a fifth of some labelled training pictures against the others. A run folder also gets
// views.toml.
class ImageTraining : public Training {
 public:
  explicit ImageTraining(ImageConfig& config);

  int64_t size() const override { return source_->size(); }
  std::string unit() const override { return "picture"; }
  uint64_t fingerprint() const override { return vision::fingerprint(*source_); }
  std::vector<std::pair<std::string, std::string>> summary() const override;
  learn::TrainParts parts() override;
  LeftOut left_out() const override;
  std::vector<std::string> uses() const override { return {"eval RUN --data LABELLED"}; }
  void write_files(const RunFolder& run) const override;

 private:
  const ImageConfig& config_;
  std::shared_ptr<const vision::ImageSource> source_;
  std::shared_ptr<vision::ImageBatches> batches_;
};

// Size of the views, encoder, batch and epochs by the size and number of the pictures, and what
// suits the method; see suitable_settings().
Value suitable_image_settings(const ImageConfig& wanted);

}  // namespace vistas::recipe
