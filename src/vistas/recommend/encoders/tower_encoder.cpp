#include "vistas/recommend/encoders/tower_encoder.h"

#include <ATen/ATen.h>

#include "vistas/base/random.h"
#include "vistas/learn/layers.h"

namespace vistas::recommend {
namespace {

at::Tensor seen_users(const Interactions& train) {
  return at::tensor(train.starts, at::kLong).diff() > 0;
}

at::Tensor seen_items(const Interactions& train) {
  return at::tensor(item_counts(train), at::kLong) > 0;
}

}  // namespace

std::string describe(const TowerEncoderOptions&) {
  return "two towers, users and items from rows and features";
}

Tower::Tower(const at::Tensor& seen, const Features& features, int64_t dim, double id_dropout,
             uint64_t seed)
    : id_dropout_(id_dropout), seen_(seen.to(at::kFloat)) {
  const int64_t rows = seen.size(0);
  at::Generator generator = learn::initial_values(seed);
  table_ = register_parameter("table", glorot_uniform(rows, dim, generator));
  described_ = at::zeros({rows});
  if (features.rows() == 0) return;
  starts_ = at::tensor(features.starts, at::kLong);
  category_ = at::tensor(features.category, at::kInt).to(at::kLong);
  described_ = (starts_.diff() > 0).to(at::kFloat);
  if (features.categories > 0) {
    categories_ =
        register_parameter("categories", glorot_uniform(features.categories, dim, generator));
  }
  if (features.width > 0) {
    number_ = at::tensor(features.number).view({rows, features.width});
    described_ = at::maximum(described_, (number_ != 0).any(1).to(at::kFloat));
    weight_ = register_parameter("weight", glorot_uniform(dim, features.width, generator));
  }
}

void Tower::to(at::Device device, bool non_blocking) {
  torch::nn::Module::to(device, non_blocking);
  for (at::Tensor* t : {&seen_, &described_, &starts_, &category_, &number_}) {
    if (t->defined()) *t = t->to(device, non_blocking);
  }
}

// 1 where the row of its own counts.
at::Tensor Tower::kept(const at::Tensor& ids) const {
  const at::Tensor seen = seen_.index_select(0, ids);
  if (!is_training() || id_dropout_ == 0) return seen;
  const at::Tensor dropped = (at::rand({ids.size(0)}) < id_dropout_).to(seen.options());
  return seen * (1 - described_.index_select(0, ids) * dropped);
}

at::Tensor Tower::forward(const at::Tensor& ids) const {
  at::Tensor out = at::embedding(table_, ids) * kept(ids).unsqueeze(1);
  if (categories_.defined()) {
    const at::Tensor begin = starts_.index_select(0, ids);
    const at::Tensor count = starts_.index_select(0, ids + 1) - begin;
    // The entries of all rows below each other.
    const at::Tensor offsets = count.cumsum(0) - count;
    const at::Tensor place = at::arange(count.sum().item<int64_t>(), ids.options()) +
                             (begin - offsets).repeat_interleave(count);
    constexpr int64_t kMean = 1;
    out = out + std::get<0>(at::embedding_bag(categories_, category_.index_select(0, place),
                                              offsets, /*scale_grad_by_freq=*/false, kMean));
  }
  if (weight_.defined()) out = out + at::linear(number_.index_select(0, ids), weight_);
  return out;
}

at::Tensor Tower::all() const {
  const at::NoGradGuard no_grad;
  return forward(at::arange(rows(), seen_.options().dtype(at::kLong)));
}

TowerEncoder::TowerEncoder(const Interactions& train, const TowerFeatures& features, int64_t dim,
                           const TowerEncoderOptions& options, uint64_t seed)
    : dim_(dim) {
  const auto tower = [&](const char* name, const at::Tensor& seen, const Features& of,
                         uint64_t stream) {
    return register_module(
        name, std::make_shared<Tower>(seen, of, dim, options.id_dropout, mix(seed, stream)));
  };
  users_ = tower("users", seen_users(train), features.users, 0);
  items_ = tower("items", seen_items(train), features.items, 1);
}

at::Tensor TowerEncoder::forward(const learn::Inputs& inputs) {
  const at::Tensor& node = inputs.at("node");
  const at::Tensor is_item = node >= users_->rows();
  const at::Tensor user = is_item.logical_not().nonzero().squeeze(1);
  const at::Tensor item = is_item.nonzero().squeeze(1);
  const at::Tensor rows = at::cat({users_->forward(node.index_select(0, user)),
                                   items_->forward(node.index_select(0, item) - users_->rows())});
  return rows.index_select(0, at::cat({user, item}).argsort());
}

NodeEmbeddings TowerEncoder::embed(const Interactions&) const {
  return {users_->all(), items_->all()};
}

at::Tensor TowerEncoder::new_user(const at::Tensor& had, const at::Tensor& items) const {
  return items.index_select(0, had).mean(0, /*keepdim=*/true);
}

}  // namespace vistas::recommend
