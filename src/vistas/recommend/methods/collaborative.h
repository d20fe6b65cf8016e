// Collaborative filtering: the items of a user score above others.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "vistas/base/options.h"
#include "vistas/contrast/similarity.h"
#include "vistas/learn/method.h"
#include "vistas/recommend/encoders/graph_encoder.h"

namespace vistas::recommend {

struct CollaborativeOptions {
  std::string loss = "softmax";
  double temperature = 0.12;
  contrast::Similarity similarity = contrast::Similarity::cosine;
  bool log_q = false;
  bool mask_groups = false;
  int64_t negatives = 0;
  double exponent = 1;
  double gamma = 1;
  double l2 = 0;

  void fields(Fields& f);
};

// A sample is an interaction of a user u with an item p; rows are those of GraphEncoder::spread(),
// of which each step makes one pass. The loss is the mean over the batch of, by name,
//
//   softmax    contrast::info_nce(u, p): the user finds its item among the items of the batch, with
//              log_q corrected by the items' shares of the interactions (in_batch_softmax). With
//              `negatives` n: among n items drawn alike for the whole batch (sampled_softmax).
//   bsl        contrast::bsl(u, p)
//   bpr        contrast::bpr(u, p, n) with an item n drawn for each interaction that its user does
//              not have
//   direct_au  contrast::align_uniform(u, p): Wang et al., "Towards representation alignment and
//              uniformity in collaborative filtering", KDD 2022, with gamma as weight
//
// plus l2 / 2 times the mean squared length of the rows of E(0), the table, that belong to each
// interaction (He et al. 2020, LightGCN). Draws are keyed by Batch::key.
class Collaborative : public learn::Method {
 public:
  // A usage error if the encoder is none of a graph.
  Collaborative(const std::shared_ptr<learn::Encoder>& encoder, const CollaborativeOptions& options,
                uint64_t seed);

  learn::Embeddings embed(const learn::Batch& batch) override;
  at::Tensor loss(const learn::Embeddings& embeddings, const learn::Batch& batch) override;
  std::shared_ptr<learn::Encoder> encoder() const override { return encoder_; }
  int64_t negatives(int64_t batch) const override;

 protected:
  // The pass over the graph that the main loss takes its rows from.
  virtual GraphEncoder::Spread spread(const learn::Batch&) { return encoder_->spread(); }
  // What a second loss compares; users and items are the nodes of the batch, each once.
  virtual std::vector<at::Tensor> contrasted(const GraphEncoder::Spread& /*main*/,
                                             const learn::Batch&, const at::Tensor& /*users*/,
                                             const at::Tensor& /*items*/) {
    return {};
  }
  virtual at::Tensor contrast_loss(const std::vector<at::Tensor>& /*contrasted*/) { return {}; }

  const GraphEncoder& graph_encoder() const { return *encoder_; }

 private:
  struct Nodes;
  Nodes nodes_of(const learn::Batch& batch) const;
  at::Tensor preference(const at::Tensor& users, const at::Tensor& items,
                        const at::Tensor& negatives, const learn::Batch& batch) const;
  at::Tensor softmax(const at::Tensor& users, const at::Tensor& items, const at::Tensor& negatives,
                     const learn::Batch& batch) const;

  std::shared_ptr<GraphEncoder> encoder_;
  CollaborativeOptions options_;
  at::Tensor log_share_;  // [items] of the interactions
  at::Tensor drawn_;      // items drawn for the batch at hand
};

}  // namespace vistas::recommend
