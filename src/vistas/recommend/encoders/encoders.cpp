#include "vistas/recommend/encoders/encoders.h"

namespace vistas::recommend {

void NodeEncoderOptions::fields(Fields& f) {
  f.add("name", name, "graph: a row for each user and item, spread along the interactions",
        {"graph"});
  f.add("dim", dim, "width of the embeddings", {1, 1 << 16});
  f.group("graph", graph);
}

std::string describe(const NodeEncoderOptions& options) {
  return describe(options.graph);
}

std::shared_ptr<NodeEncoder> make_node_encoder(const NodeEncoderOptions& options,
                                               const Interactions& train, uint64_t seed) {
  return std::make_shared<GraphEncoder>(graph_of(train), options.dim, options.graph, seed);
}

}  // namespace vistas::recommend
