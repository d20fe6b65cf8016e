// Two towers: users and items from a row of their own and from their features.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "vistas/base/options.h"
#include "vistas/recommend/encoders/node_encoder.h"
#include "vistas/recommend/sources/features.h"

namespace vistas::recommend {

struct TowerEncoderOptions {
  double id_dropout = 0.5;

  void fields(Fields& f) {
    f.add("id_dropout", id_dropout,
          "how often training leaves out the row of an item or user that has features, so that "
          "they alone must do",
          {0, 1});
  }
};

std::string describe(const TowerEncoderOptions& options);

struct TowerFeatures {
  Features users, items;  // without rows: none
};

// One side. Row i is
//
//   e_i = s_i r_i + mean of a_c over its categories c + W x_i
//
// with a row r_i of its own, s_i = 0 for what training has not seen (and, in training, for a drawn
// share id_dropout of those with features), rows a of categories, and its numbers x_i. So what has
// never been seen is embedded from its features alone.
class Tower : public torch::nn::Module {
 public:
  // `seen` [N] bool. Initial values of the tables are Glorot's uniform ones, drawn from `seed`.
  Tower(const at::Tensor& seen, const Features& features, int64_t dim, double id_dropout,
        uint64_t seed);

  at::Tensor forward(const at::Tensor& ids) const;  // [B] int64 -> [B, dim]
  at::Tensor all() const;                           // [N, dim], without gradients
  int64_t rows() const { return seen_.size(0); }
  using torch::nn::Module::to;
  void to(at::Device device, bool non_blocking) override;

 private:
  at::Tensor kept(const at::Tensor& ids) const;

  double id_dropout_;
  at::Tensor seen_, described_;   // [N] float32
  at::Tensor starts_, category_;  // of the features
  at::Tensor number_;             // [N, width]
  at::Tensor table_, categories_, weight_;
};

// A view of nodes is "node" [B] int64, users first, as GraphEncoder's; a new user is the mean of
// its items. Covington et al., "Deep neural networks for YouTube recommendations", RecSys 2016, and
// Yi et al. 2019 have towers of several layers; these are linear, as LightFM's (Kula 2015).
class TowerEncoder : public NodeEncoder {
 public:
  TowerEncoder(const Interactions& train, const TowerFeatures& features, int64_t dim,
               const TowerEncoderOptions& options, uint64_t seed);

  at::Tensor forward(const learn::Inputs& inputs) override;
  int64_t dim() const override { return dim_; }
  NodeEmbeddings embed(const Interactions& history) const override;
  at::Tensor new_user(const at::Tensor& had, const at::Tensor& items) const override;

 private:
  int64_t dim_;
  std::shared_ptr<Tower> users_, items_;
};

}  // namespace vistas::recommend
