#include "vistas/recommend/encoders/encoders.h"

namespace vistas::recommend {

void NodeEncoderOptions::fields(Fields& f) {
  f.add("name", name,
        "graph: a row for each user and item, spread along the interactions; sequence: a user is "
        "what it had, in order of time, read by a transformer (SASRec)",
        {"graph", "sequence"});
  f.add("dim", dim, "width of the embeddings", {1, 1 << 16});
  f.group("graph", graph);
  f.group("sequence", sequence);
}

std::string describe(const NodeEncoderOptions& options) {
  return options.name == "sequence" ? describe(options.sequence) : describe(options.graph);
}

std::shared_ptr<NodeEncoder> make_node_encoder(const NodeEncoderOptions& options,
                                               const Interactions& train, uint64_t seed) {
  if (options.name == "sequence") {
    return std::make_shared<SequenceEncoder>(train.items(), options.dim, options.sequence, seed);
  }
  return std::make_shared<GraphEncoder>(graph_of(train), options.dim, options.graph, seed);
}

}  // namespace vistas::recommend
