// Users and items as one graph, over which embeddings are propagated.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "vistas/base/id_lists.h"
#include "vistas/base/random.h"
#include "vistas/learn/symmetric_product.h"

namespace vistas::recommend {

// Nodes are the users, then the items; each interaction is an edge. Its matrix is
//
//   D^-1/2 A D^-1/2: 1 / sqrt(edges of the user * edges of the item) for each edge, both ways
class BipartiteGraph {
 public:
  // interactions[u]: the items of user u, below `items`; a data error otherwise.
  BipartiteGraph(const IdLists& interactions, int64_t items);

  int64_t users() const { return users_; }
  int64_t items() const { return adjacency_.size() - users_; }
  int64_t nodes() const { return adjacency_.size(); }
  const learn::SymmetricMatrix& adjacency() const { return adjacency_; }

  // The graph without a share `rate` of its edges, or without the edges of that share of its nodes,
  // its matrix made from the edges that are left. Edges are drawn by (seed, epoch, view, user,
  // item), nodes by (seed, epoch, view, node); the sample of the key is not used. SGL (Wu et al.,
  // "Self-supervised graph learning for recommendation", 2021): a view of the graph is a `view` of
  // the key; its random walk drops edges anew for every layer.
  BipartiteGraph drop_edges(double rate, const DrawKey& key) const;
  BipartiteGraph drop_nodes(double rate, const DrawKey& key) const;

 private:
  template <class Keep>
  BipartiteGraph with_edges(const Keep& keep) const;

  int64_t users_;
  learn::SymmetricMatrix adjacency_;
};

// One step: rows of x [nodes, D] to sums over neighbours, learn::symmetric_product of the matrix.
at::Tensor propagate(const BipartiteGraph& graph, const at::Tensor& x);

}  // namespace vistas::recommend
