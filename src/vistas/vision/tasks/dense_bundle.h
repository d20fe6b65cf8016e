// A trained detector or segmenter together with what it needs to look at pictures:
// encoder.safetensors and encoder.json in one folder, as other encoders.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "vistas/learn/bundle.h"
#include "vistas/measure/detection.h"
#include "vistas/vision/encoders/dense_network.h"
#include "vistas/vision/encoders/encoders.h"
#include "vistas/vision/tasks/features.h"
#include "vistas/vision/tasks/placed_views.h"
#include "vistas/vision/views/recipe.h"

namespace vistas::vision {

struct DenseOptions {
  learn::Modality modality = learn::Modality::boxes;  // or masks
  EncoderOptions encoder;
  HeadOptions head;
  std::vector<std::string> class_names;
};

struct DenseBundle {
  DenseOptions options;
  std::shared_ptr<DenseNetwork> network;  // in evaluation mode
  ViewRecipe preprocess;                  // one view without chance
};

// A network with initial values drawn from `seed`.
std::shared_ptr<DenseNetwork> make_dense_network(const DenseOptions& options, uint64_t seed);

// The content of encoder.json.
std::string dense_bundle_json(const DenseOptions& options, const ViewRecipe& preprocess);

// The detector (Modality::boxes) or segmenter (masks) of a run folder, checkpoint or bundle;
// anything else there is a data error.
DenseBundle load_dense_bundle(const std::filesystem::path& path, learn::Modality wanted);

// `options` that read pictures in the channels of the network.
SourceOptions options_for(const DenseBundle& bundle, SourceOptions options = {});

struct DetectOptions {
  double score = 0.05;
  double overlap = 0.6;
  int64_t most = 100;
  int64_t candidates = 1000;

  void fields(Fields& f);
};

// Boxes kept of `boxes`, best first: one whose IoU with a kept box of its class is above `overlap`
// is left out; equal scores count in their order. At most `most` remain.
std::vector<measure::FoundBox> suppress(std::vector<measure::FoundBox> boxes, double overlap,
                                        int64_t most);

// What answers [P, classes + 5] of a detector say, in pixels of the view. The score of a class is
// the square root of its probability times the centre-ness; `candidates` of the scores above
// `score` are made boxes, and suppressed.
std::vector<measure::FoundBox> decode_boxes(const at::Tensor& answers,
                                            const std::vector<Level>& levels,
                                            const DetectOptions& options);

// The objects in every picture of the source, in its own pixels; none for one that cannot be read.
struct Detections {
  std::vector<std::vector<measure::FoundBox>> boxes;  // of each picture
  std::vector<int64_t> read;                          // the pictures that could be, ascending
  BadImages bad;
};
Detections detect(const DenseBundle& bundle, const std::shared_ptr<const ImageSource>& source,
                  const DetectOptions& options, const FeatureOptions& features,
                  const FeatureProgress& progress = {});

// The class of every pixel of every picture, handed over in order as an 8-bit picture of its size;
// bad pictures are left out. Logits are brought to the size of the picture bilinearly.
using TakeMask = std::function<void(int64_t sample, const Image& mask)>;
BadImages segment(const DenseBundle& bundle, const std::shared_ptr<const ImageSource>& source,
                  const FeatureOptions& features, const TakeMask& take,
                  const FeatureProgress& progress = {});

}  // namespace vistas::vision
