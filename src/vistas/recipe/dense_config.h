// The whole configuration of a detector or a segmenter: training on pictures with places.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "vistas/learn/bundle.h"
#include "vistas/recipe/config.h"
#include "vistas/vision/encoders/dense_network.h"
#include "vistas/vision/encoders/encoders.h"
#include "vistas/vision/sources/annotations.h"
#include "vistas/vision/views/recipe.h"

namespace vistas::recipe {

struct DenseDataOptions {
  std::string modality = "boxes";
  std::string path;
  vision::AnnotationOptions annotations;
  std::string on_bad_image = "skip";
  int64_t cache_mb = 0;
  std::string labels = "100%";
  int64_t labels_seed = 0;
  double min_visible = 0.4;

  void fields(Fields& f);
};

// Scale jitter, flips and colour: what keeps boxes boxes.
struct DenseViewOptions {
  int64_t height = 256, width = 320;
  std::vector<double> scale{0.75, 1.5};
  double hflip = 0.5, vflip = 0;
  double colour = 0.4;

  void fields(Fields& f);
  // The view of training, and the one for use. Means and deviations of the channels as `like` has
  // them.
  vision::ViewRecipe training(const vision::ViewSpec& like) const;
  vision::ViewRecipe preprocess(const vision::ViewSpec& like) const;
};

struct DenseEncoderOptions {
  vision::EncoderOptions network{.channels = 3, .width = 32};
  std::string start;
  bool frozen = false;

  void fields(Fields& f);
};

class DenseConfig : public Config {
 public:
  // Where `values` name no method it is `fcos` for boxes and `segmentation` for masks.
  explicit DenseConfig(const Value& values);

  const std::string& data_path() const override { return data.path; }
  std::unique_ptr<Training> open() override;
  void settle_as(const Config& settled) override;
  bool boxes() const { return data.modality == "boxes"; }

  DenseDataOptions data;
  DenseViewOptions views;
  DenseEncoderOptions encoder;
  vision::HeadOptions head;

 private:
  void own_fields(Fields& f) override;
};

}  // namespace vistas::recipe
