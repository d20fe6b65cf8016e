// The whole configuration of a run on pictures.
#pragma once

#include <memory>
#include <string>

#include "vistas/recipe/config.h"
#include "vistas/vision/encoders/encoders.h"
#include "vistas/vision/sources/source.h"
#include "vistas/vision/tasks/image_batches.h"
#include "vistas/vision/views/recipe.h"

namespace vistas::recipe {

struct ImageDataOptions {
  std::string modality = "image";
  std::string path;
  vision::SourceOptions source;
  vision::SampleViews views_of = vision::SampleViews::picture;
  void fields(Fields& f) {
    f.add("modality", modality, "what the samples are", kModalities);
    f.add("path", path,
          "folder of pictures, list of paths, CIFAR or IDX folder, tar shard, .vpack");
    source.fields(f);
    f.add(
        "views_of", views_of,
        "what the views of a sample show: its picture, or two pictures of its class, which is "
        "then one thing (method.mask_groups)",
        {{"picture", vision::SampleViews::picture}, {"class", vision::SampleViews::pair_of_class}});
  }
};

struct ImageViewOptions {
  std::string recipe = "simclr";
  vision::RecipeOptions options;
  void fields(Fields& f);
};

class ImageConfig : public Config {
 public:
  explicit ImageConfig(const Value& values);

  std::string tables() const override;
  const std::string& data_path() const override { return data.path; }
  std::unique_ptr<Training> open() override;
  void settle_as(const Config& settled) override;
  // The views of training: the [[view]] tables where there are any, else the named recipe.
  vision::ViewRecipe views() const;
  // The view with which pictures are embedded: that of the recipe without chance.
  vision::ViewRecipe preprocess() const;

  ImageDataOptions data;
  vision::PictureRegionOptions regions;
  ImageViewOptions view_options;
  vision::EncoderOptions encoder;

 private:
  void own_fields(Fields& f) override;

  Value view_tables_{.data = ValueList{}};  // [[view]], empty if the named recipe is used
};

}  // namespace vistas::recipe
