// From a configuration to what trains on pictures.
#pragma once

#include <memory>

#include "vistas/base/run_folder.h"
#include "vistas/recipe/config.h"
#include "vistas/vision/tasks/image_batches.h"

namespace vistas::recipe {

// The pictures of training: the split `train` where the data has splits and none is named.
std::shared_ptr<const vision::ImageSource> open_training_data(const Config& config);

// Settings for data without a recipe: size of the views, encoder, batch and epochs by the size and
// number of the pictures, and what suits the method. A tree for Config, with few leaves.
Value suitable_settings(const vision::ImageSource& source, const MethodEntry& method);

// Settings that were left to the data: channels and size of the encoder's pictures.
void settle(Config& config, const vision::ImageSource& source);

struct ImageTraining {
  learn::TrainParts parts;
  std::shared_ptr<const vision::ImageBatches> batches;  // parts.data, which knows the bad pictures
};

// The method with its encoder (weights are a function of train.seed), the batches, the optimiser;
// with labels also the online kNN score, on a fifth of some labelled training pictures against the
// others.
ImageTraining image_training(const Config& config,
                             std::shared_ptr<const vision::ImageSource> source);

// config.toml, env.json (with a fingerprint of the data) and views.toml.
void write_run_files(const RunFolder& run, const Config& config, const vision::ImageSource& source);

// The configuration of the run's first step, whatever config.toml says by now.
Config began_with(const RunFolder& run);

// A data error if the pictures are not those the run began with.
void check_same_data(const RunFolder& run, const vision::ImageSource& source);

// Most memory this process has held so far.
int64_t peak_memory_bytes();

}  // namespace vistas::recipe
