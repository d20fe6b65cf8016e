// What the operations of a view recipe do to pictures, seen by their pixels and by an encoder.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vistas/vision/sources/sample_reader.h"
#include "vistas/vision/tasks/bundle.h"

namespace vistas::vision {

struct ExplainOptions {
  int64_t pictures = 16;  // of the beginning of the source
  int64_t draws = 6;      // of the views of each
  int64_t shown = 4;      // pictures, and draws, of the examples
  uint64_t seed = 0;
};

// Means over pairs of pictures. pixels: pixel_distance(); embedding: 1 - cosine of the encoder's
// features. NaN where there is no pair.
struct Distances {
  double pixels = 0, embedding = 0;
};

// How far an operation alone moves a whole picture that was stretched to the view.
struct OperationMove {
  std::string name;  // "[[view]] 2: gaussian_blur" where there are several
  double p = 1;      // with which the recipe applies it
  Distances moved;
};

struct ExampleView {
  Image image;
  double cosine = 0;
  std::optional<bool> positive;  // of pairs: whether both show one picture
};

// A picture, or a view of it, and what it is compared with.
struct Example {
  std::string name;
  Image image;
  std::vector<ExampleView> others;
};

struct Explanation {
  int64_t pictures = 0;
  bool grey = false;  // all of them
  std::vector<OperationMove> operations;
  // Of the first two views of one picture, and of different pictures.
  Distances positive, negative;
  double overlap = 0;    // of the parts of the picture that they show: the mean
  double apart = 0;      // share of draws in which it is below kApart
  double identical = 0;  // share of draws in which both have the same pixels
  std::vector<std::string> warnings;
  std::vector<Example> pairs, examples;  // examples: one for each operation
  BadImages bad;
};

constexpr double kApart = 0.05;

// Features are those of bundle.encoder for views resized to the pictures it embeds. `source` must
// have the channels of the encoder.
Explanation explain_views(const ViewRecipe& recipe, std::shared_ptr<const ImageSource> source,
                          const Bundle& bundle, const ExplainOptions& options = {});

}  // namespace vistas::vision
