// Collaborative filtering with a second task: nodes of a graph find themselves in another view.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vistas/recommend/methods/collaborative.h"

namespace vistas::recommend {

struct ContrastOptions {
  double weight = 0.1;
  double temperature = 0.2;

  void fields(Fields& f);
};

// All add to the loss of Collaborative, with cosines,
//
//   weight * ( info_nce(a_U, b_U) + info_nce(a_I, b_I) )
//
// for two views a, b of the users and of the items of a batch, each once; every term is a mean over
// nodes, where some papers sum.
class GraphContrast : public Collaborative {
 public:
  GraphContrast(const std::shared_ptr<learn::Encoder>& encoder, const CollaborativeOptions& base,
                const ContrastOptions& options, uint64_t seed);

 protected:
  at::Tensor contrast_loss(const std::vector<at::Tensor>& contrasted) override;
  // Appends the rows of users and those of items in a view.
  static void add_view(std::vector<at::Tensor>& out, const at::Tensor& table,
                       const at::Tensor& users, const at::Tensor& items);

  ContrastOptions contrast_;
  uint64_t seed_;
};

struct SglOptions {
  CollaborativeOptions base{};
  ContrastOptions contrast{};
  std::string drop = "edges";
  double rate = 0.1;
  std::string among = "batch";

  void fields(Fields& f);
};

// SGL: the views are passes over two graphs from which a share of the edges, or of the nodes, is
// dropped, drawn anew each epoch; a random walk has another such graph for every layer. Among
// "batch" nodes are told from the others of the batch, among "all" from all of their side.
// Wu et al., "Self-supervised graph learning for recommendation", SIGIR 2021.
class Sgl : public GraphContrast {
 public:
  Sgl(const std::shared_ptr<learn::Encoder>& encoder, const SglOptions& options, uint64_t seed);

 protected:
  std::vector<at::Tensor> contrasted(const GraphEncoder::Spread& main, const learn::Batch& batch,
                                     const at::Tensor& users, const at::Tensor& items) override;

 private:
  using Graphs = std::vector<std::shared_ptr<const BipartiteGraph>>;
  Graphs graphs_of(uint64_t epoch, uint32_t view) const;

  SglOptions options_;
  int64_t epoch_ = -1;  // of graphs_
  std::vector<Graphs> graphs_;
};

struct NoiseOptions {
  CollaborativeOptions base{};
  ContrastOptions contrast{.weight = 0.2};
  double noise = 0.1;

  void fields(Fields& f);
};

// SimGCL: the views are two passes with noise on every layer, the main loss has a third without.
// Yu et al., "Are graph augmentations necessary? Simple graph contrastive learning for
// recommendation", SIGIR 2022. Published with encoder.graph.with_table = false.
class SimGcl : public GraphContrast {
 public:
  SimGcl(const std::shared_ptr<learn::Encoder>& encoder, const NoiseOptions& options,
         uint64_t seed);

 protected:
  std::vector<at::Tensor> contrasted(const GraphEncoder::Spread& main, const learn::Batch& batch,
                                     const at::Tensor& users, const at::Tensor& items) override;

 private:
  double noise_;
};

struct XSimGclOptions {
  CollaborativeOptions base{};
  ContrastOptions contrast{.weight = 0.2, .temperature = 0.15};
  double noise = 0.2;
  int64_t layer = 1;

  void fields(Fields& f);
};

// XSimGCL: one pass with noise for both losses; the views are one of its layers and the mean.
// Yu et al., "XSimGCL: towards extremely simple graph contrastive learning for recommendation",
// TKDE 2023. Published with encoder.graph.with_table = false.
class XSimGcl : public GraphContrast {
 public:
  XSimGcl(const std::shared_ptr<learn::Encoder>& encoder, const XSimGclOptions& options,
          uint64_t seed);

 protected:
  GraphEncoder::Spread spread(const learn::Batch& batch) override;
  std::vector<at::Tensor> contrasted(const GraphEncoder::Spread& main, const learn::Batch& batch,
                                     const at::Tensor& users, const at::Tensor& items) override;

 private:
  double noise_;
  size_t layer_;
};

}  // namespace vistas::recommend
