// From a configuration to what trains a detector or a segmenter.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "vistas/measure/detection.h"
#include "vistas/measure/segmentation.h"
#include "vistas/recipe/dense_config.h"
#include "vistas/vision/tasks/bundle.h"
#include "vistas/vision/tasks/dense_bundle.h"

namespace vistas::recipe {

// The pictures of a split as a source, with what is true of them.
struct DenseData {
  std::shared_ptr<const vision::ImageSource> source;
  std::variant<vision::BoxedPictures, vision::MaskedPictures> truth;

  const std::vector<std::string>& class_names() const;
  const vision::AnnotationProblems& problems() const;
  const std::string& layout() const;
  const std::string& split() const;
};

// Opens the split of a data set as pictures with boxes or masks.
DenseData open_dense_data(learn::Modality modality, const std::string& path,
                          const vision::AnnotationOptions& annotations,
                          const vision::SourceOptions& source);

// The samples `rows` of the data.
DenseData subset(const DenseData& data, const std::vector<int64_t>& rows);

// COCO's measures of a detector on data with boxes.
measure::DetectionScores score_boxes(const DenseData& data, const vision::Detections& found);

// Measures of a segmenter on data with masks, and what could not be read.
struct MaskScores {
  measure::SegmentationScores scores;
  vision::BadImages bad;
};
MaskScores score_masks(const vision::DenseBundle& bundle, const DenseData& data,
                       const vision::FeatureOptions& features,
                       const vision::FeatureProgress& progress = {});

// The backbone is that of encoder.start, or new. A data set with a split `val` beside the one that
// is learned from gets an online score: AP50, or mIoU.
class DenseTraining : public Training {
 public:
  explicit DenseTraining(DenseConfig& config);

  int64_t size() const override { return data_.source->size(); }
  std::string unit() const override { return "picture"; }
  uint64_t fingerprint() const override;
  std::vector<std::pair<std::string, std::string>> summary() const override;
  learn::TrainParts parts() override;
  LeftOut left_out() const override;
  std::vector<std::string> uses() const override;
  void write_files(const RunFolder& run) const override;
  // A network of parts() with what it needs for use.
  vision::DenseBundle bundle(const std::shared_ptr<learn::Encoder>& network) const;

 private:
  vision::DenseOptions network_options() const;
  std::shared_ptr<vision::DenseNetwork> make_network(uint64_t seed) const;
  std::shared_ptr<const learn::BatchMaker> make_batches(uint64_t seed);
  std::function<double(learn::Encoder&)> online_score(
      const std::shared_ptr<vision::DenseNetwork>& network) const;

  const DenseConfig& config_;
  std::optional<vision::Bundle> start_;
  DenseData data_;
  std::function<vision::BadImages()> bad_images_ = [] { return vision::BadImages{}; };
};

// Size of the views, batch and epochs by the pictures and their number; see suitable_settings().
Value suitable_dense_settings(const DenseConfig& wanted);

}  // namespace vistas::recipe
