#include "vistas/recommend/encoders/encoders.h"

namespace vistas::recommend {

void NodeEncoderOptions::fields(Fields& f) {
  f.add(
      "name", name,
      "graph: a row for each user and item, spread along the interactions; sequence: a user is "
      "what it had, in order of time, read by a transformer (SASRec); towers: users and items from "
      "a row of their own and their features",
      {"graph", "sequence", "towers"});
  f.add("dim", dim, "width of the embeddings", {1, 1 << 16});
  f.group("graph", graph);
  f.group("sequence", sequence);
  f.group("towers", towers);
}

std::string describe(const NodeEncoderOptions& options) {
  if (options.name == "sequence") return describe(options.sequence);
  return options.name == "towers" ? describe(options.towers) : describe(options.graph);
}

std::shared_ptr<NodeEncoder> make_node_encoder(const NodeEncoderOptions& options,
                                               const Interactions& train,
                                               const TowerFeatures& features, uint64_t seed) {
  if (options.name == "sequence") {
    return std::make_shared<SequenceEncoder>(train.items(), options.dim, options.sequence, seed);
  }
  if (options.name == "towers") {
    return std::make_shared<TowerEncoder>(train, features, options.dim, options.towers, seed);
  }
  return std::make_shared<GraphEncoder>(graph_of(train), options.dim, options.graph, seed);
}

}  // namespace vistas::recommend
