// The whole configuration of a run on pictures: what a recipe file holds.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "vistas/base/options.h"
#include "vistas/learn/optimizer.h"
#include "vistas/learn/schedule.h"
#include "vistas/learn/trainer.h"
#include "vistas/recipe/methods.h"
#include "vistas/vision/encoders/encoders.h"
#include "vistas/vision/sources/source.h"
#include "vistas/vision/tasks/image_batches.h"
#include "vistas/vision/views/recipe.h"

namespace vistas::recipe {

struct DataOptions {
  std::string path;
  vision::SourceOptions source;
  vision::SampleViews views_of = vision::SampleViews::picture;
  void fields(Fields& f) {
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

struct ViewOptions {
  std::string recipe = "simclr";
  vision::RecipeOptions options;
  void fields(Fields& f);
};

class Config {
 public:
  // Every member at its default, then the leaves of `values`; unknown keys are usage errors.
  explicit Config(const Value& values);

  // Fields of everything but [[view]] tables; bound to this object.
  Fields fields();
  // A recipe that gives this configuration again.
  std::string to_toml() const;
  // The views of training: the [[view]] tables where there are any, else the named recipe.
  vision::ViewRecipe views() const;

  DataOptions data;
  ViewOptions view_options;
  vision::EncoderOptions encoder;
  std::string method_name = "simclr";
  std::shared_ptr<MethodChoice> method;
  learn::OptimizerOptions optimizer;
  learn::ScheduleOptions schedule;
  learn::TrainOptions train;

 private:
  Value view_tables_{.data = ValueList{}};  // [[view]], empty if the named recipe is used
};

// Lines "key: a -> b" for every field in which two configurations differ.
std::vector<std::string> differences(const Config& a, const Config& b);

}  // namespace vistas::recipe
