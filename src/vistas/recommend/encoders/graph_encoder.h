// Embeddings of users and items that are spread along the interactions.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "vistas/base/options.h"
#include "vistas/recommend/encoders/node_encoder.h"
#include "vistas/recommend/graph/bipartite.h"

namespace vistas::recommend {

struct GraphEncoderOptions {
  int64_t layers = 1;

  void fields(Fields& f) {
    f.add("layers", layers, "steps along the interactions; 0: plain matrix factorisation", {0, 16});
  }
};

std::string describe(const GraphEncoderOptions& options);

std::shared_ptr<const BipartiteGraph> graph_of(const Interactions& data);

// LightGCN: with the table E0 of all nodes, users first, and A' = D^-1/2 A D^-1/2 of the graph
//
//   E(l + 1) = A' E(l),  E = mean of E(0) .. E(layers)
//
// He et al., "LightGCN: simplifying and powering graph convolution network for recommendation",
// SIGIR 2020, equations 7 and 8. Initial values are Glorot's uniform ones, of users and of items
// apart. A view of nodes is "node" [B] int64; forward() spreads the whole table and gathers rows.
// A new user is the mean of its items.
class GraphEncoder : public NodeEncoder {
 public:
  GraphEncoder(std::shared_ptr<const BipartiteGraph> graph, int64_t dim,
               const GraphEncoderOptions& options, uint64_t seed);

  at::Tensor forward(const learn::Inputs& inputs) override;
  int64_t dim() const override { return table_.size(1); }
  NodeEmbeddings embed(const Interactions& history) const override;
  at::Tensor new_user(const at::Tensor& had, const at::Tensor& items) const override;
  at::Tensor all() const;  // [users + items, dim()]

 private:
  std::shared_ptr<const BipartiteGraph> graph_;
  GraphEncoderOptions options_;
  at::Tensor table_;
};

}  // namespace vistas::recommend
