// A trained encoder together with what it needs to look at pictures: encoder.safetensors and
// encoder.json in one folder. That is all that crosses from training to use.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "vistas/vision/encoders/encoders.h"
#include "vistas/vision/sources/source.h"
#include "vistas/vision/views/recipe.h"

namespace vistas::vision {

struct Bundle {
  EncoderOptions options;
  std::shared_ptr<ImageEncoder> encoder;  // in evaluation mode
  ViewRecipe preprocess;                  // one view without chance
};

// The content of encoder.json.
std::string bundle_json(const EncoderOptions& options, const ViewRecipe& preprocess);

// learn::find_bundle; an encoder of texts is a data error too.
std::filesystem::path find_bundle(const std::filesystem::path& path);

Bundle load_bundle(const std::filesystem::path& folder);

// `options` that read pictures in the channels of the encoder: grey for one, RGB for three.
SourceOptions options_for(const Bundle& bundle, SourceOptions options = {});

// The same architecture with random weights, a function of the seed.
Bundle untrained(const Bundle& bundle, uint64_t seed);

}  // namespace vistas::vision
