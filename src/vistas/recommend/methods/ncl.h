// Neighbourhood-enriched contrastive learning.
#pragma once

#include <memory>
#include <vector>

#include "vistas/recommend/methods/graph_contrast.h"

namespace vistas::recommend {

struct NclOptions {
  CollaborativeOptions base{};
  ContrastOptions contrast{.temperature = 0.1};
  int64_t layer = 2;
  int64_t prototypes = 256;
  double prototype_weight = 0.05;
  int64_t prototypes_from = 5;

  void fields(Fields& f);
};

// NCL: a node's neighbours of an even layer and its cluster are views of it. To the loss of
// Collaborative it adds, for users and items apart, with cosines and unit rows e of the table,
//
//   contrast.weight * info_nce(E(layer), E(0)) + prototype_weight * (1/n) sum_i -log softmax_c(e_i
//   . c / T) at the centre of its cluster
//
// where nodes are told from the others of the batch, as by SGL's `among = "batch"`. From epoch
// `prototypes_from` on the centres are those of k-means (Lloyd, ten passes from the last centres)
// of the rows e at the beginning of each epoch. Lin et al., "Improving graph collaborative
// filtering with neighborhood-enriched contrastive learning", WWW 2022.
class Ncl : public GraphContrast {
 public:
  Ncl(const std::shared_ptr<learn::Encoder>& encoder, const NclOptions& options, uint64_t seed);

 protected:
  std::vector<at::Tensor> contrasted(const GraphEncoder::Spread& main, const learn::Batch& batch,
                                     const at::Tensor& users, const at::Tensor& items) override;
  at::Tensor contrast_loss(const std::vector<at::Tensor>& contrasted) override;

 private:
  bool has_prototypes() const { return progress().epochs() >= from_; }
  void cluster(const at::Tensor& table);

  size_t layer_;
  double prototype_weight_, from_;
  at::Tensor centres_[2];  // of users and of items: [prototypes, d]
  at::Tensor cluster_;     // [nodes] int64, within its side
  at::Tensor nodes_[2];    // of the batch at hand
};

}  // namespace vistas::recommend
