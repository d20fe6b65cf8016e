// All encoders of users and items by name.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "vistas/base/options.h"
#include "vistas/recommend/encoders/graph_encoder.h"
#include "vistas/recommend/encoders/node_encoder.h"
#include "vistas/recommend/encoders/sequence_encoder.h"
#include "vistas/recommend/encoders/tower_encoder.h"

namespace vistas::recommend {

struct NodeEncoderOptions {
  std::string name = "graph";
  int64_t dim = 64;
  GraphEncoderOptions graph{};
  SequenceEncoderOptions sequence{};
  TowerEncoderOptions towers{};

  void fields(Fields& f);
};

// "matrix factorisation", "LightGCN, 2 layers", "SASRec, 2 layers, 2 heads, the last 50 items"
std::string describe(const NodeEncoderOptions& options);

// An encoder of the users and items of `train` with initial values drawn from `seed`. Towers take
// the features.
std::shared_ptr<NodeEncoder> make_node_encoder(const NodeEncoderOptions& options,
                                               const Interactions& train,
                                               const TowerFeatures& features, uint64_t seed);

}  // namespace vistas::recommend
