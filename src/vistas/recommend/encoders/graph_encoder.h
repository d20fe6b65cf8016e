// Embeddings of users and items that are spread along the interactions.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "vistas/base/options.h"
#include "vistas/recommend/encoders/node_encoder.h"
#include "vistas/recommend/graph/bipartite.h"

namespace vistas::recommend {

struct GraphEncoderOptions {
  int64_t layers = 1;
  bool with_table = true;

  void fields(Fields& f) {
    f.add("layers", layers, "steps along the interactions; 0: plain matrix factorisation", {0, 16});
    f.add("with_table", with_table,
          "whether the table itself counts in the mean of the layers; SimGCL and XSimGCL: no");
  }
};

std::string describe(const GraphEncoderOptions& options);

std::shared_ptr<const BipartiteGraph> graph_of(const Interactions& data);

// LightGCN: with the table E0 of all nodes, users first, and A' = D^-1/2 A D^-1/2 of the graph
//
//   E(l + 1) = A' E(l),  E = mean of E(0) .. E(layers), without E(0) unless with_table
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
  at::Tensor all() const { return spread().mean; }  // [users + items, dim()]

  // What a pass over the graph may do otherwise.
  struct SpreadOptions {
    std::vector<std::shared_ptr<const BipartiteGraph>>
        graphs{};      // of each layer, instead of its own
    double noise = 0;  // added to every propagated layer, see add_noise()
    DrawKey key{};     // of the noise; layer l draws as view key.view + l
  };
  struct Spread {
    at::Tensor mean;                 // E
    std::vector<at::Tensor> layers;  // E(0), the table, .. E(layers)
  };
  Spread spread(const SpreadOptions& options) const;
  Spread spread() const { return spread({}); }

  const BipartiteGraph& graph() const { return *graph_; }
  int64_t layers() const { return options_.layers; }

 private:
  std::shared_ptr<const BipartiteGraph> graph_;
  GraphEncoderOptions options_;
  at::Tensor table_;
};

}  // namespace vistas::recommend
