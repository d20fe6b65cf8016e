// The head that guesses the embedding of another view from an embedding.
#pragma once

#include <memory>

#include "vistas/learn/projector.h"

namespace vistas::learn {

struct PredictorOptions {
  int64_t layers = 2;
  int64_t hidden = 4096;

  void fields(Fields& f) {
    f.add("layers", layers, "linear layers; 0 is no predictor", {0, 100});
    f.add("hidden", hidden, "width of the hidden layers", {1, 1 << 20});
  }
};

// linear - norm - ReLU, ..., linear: [B, dim] -> [B, dim].
inline std::shared_ptr<Projector> make_predictor(int64_t dim, const PredictorOptions& options,
                                                 uint64_t seed) {
  return std::make_shared<Projector>(
      dim,
      ProjectorOptions{
          .layers = options.layers, .hidden = options.hidden, .out = dim, .last_norm = false},
      seed);
}

}  // namespace vistas::learn
