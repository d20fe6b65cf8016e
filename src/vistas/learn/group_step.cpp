#include "vistas/learn/group_step.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <string>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>
#include <unordered_map>
#include <utility>

#include "vistas/learn/embedding_bag.h"

namespace vistas::learn {

GatheredBatch gather(const EmbeddedBatch& own) {
  const Group& group = Group::current();
  const auto& [live, fixed] = own.embeddings;
  if (group.alone()) return {own.batch, own.embeddings, std::vector<int64_t>(live.size())};
  std::vector<at::Tensor> local{own.batch.index, own.batch.label, own.batch.group, own.batch.score};
  const auto first_live = static_cast<std::ptrdiff_t>(local.size());
  local.insert(local.end(), live.begin(), live.end());
  local.insert(local.end(), fixed.begin(), fixed.end());
  const std::vector<Group::Rows> all = group.gather_rows(local);
  GatheredBatch whole;
  whole.batch = {.views = {},
                 .index = all[0].all,
                 .label = all[1].all,
                 .group = all[2].all,
                 .score = all[3].all,
                 .key = own.batch.key};
  for (auto rows = all.begin() + first_live; rows != all.end(); ++rows) {
    if (whole.embeddings.live.size() < live.size()) {
      whole.embeddings.live.push_back(rows->all.requires_grad_());
      whole.begin.push_back(rows->begin);
    } else {
      whole.embeddings.fixed.push_back(rows->all);
    }
  }
  return whole;
}

void hand_back(const GatheredBatch& whole, EmbeddedBatch& own) {
  const Group& group = Group::current();
  if (group.alone()) return;
  for (size_t i = 0; i < own.embeddings.live.size(); ++i) {
    const at::Tensor& gradient = whole.embeddings.live[i].grad();
    at::Tensor& mine = own.embeddings.live[i];
    if (!gradient.defined()) continue;
    mine.mutable_grad() = gradient.narrow(0, whole.begin[i], mine.size(0)) * group.size();
  }
}

GradientExchange::GradientExchange(NamedTensors parameters)
    : parameters_(std::move(parameters)),
      of_loss_(parameters_.size()),
      reduced_(parameters_.size()) {}

GradientExchange::~GradientExchange() = default;

void GradientExchange::keep_loss_gradients() {
  if (Group::current().alone()) return;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    of_loss_[i] = std::exchange(parameters_[i].second.mutable_grad(), {});
  }
}

void GradientExchange::begin(const std::vector<at::Tensor>& outputs) {
  if (!reducer_) return;
  reducer_->prepare_for_forward();
  reducer_->prepare_for_backward(outputs);
  begun_ = true;
}

// The parameters whose dense gradients have just come through the network.
void GradientExchange::make_reducer() {
  constexpr int64_t kFirstBucket = 1 << 20, kBucket = 25 << 20;  // bytes, as PyTorch's DDP
  std::vector<at::Tensor> dense;
  std::unordered_map<size_t, std::string> names;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const auto& [name, p] = parameters_[i];
    reduced_[i] = p.grad().defined() && !p.grad().is_sparse();
    if (!reduced_[i]) continue;
    names.emplace(dense.size(), name);
    dense.push_back(p);
  }
  if (dense.empty()) return;
  const std::vector<bool> sparse(dense.size(), false);
  auto [buckets, limits] =
      c10d::compute_bucket_assignment_by_size(dense, {kFirstBucket, kBucket}, sparse);
  std::ranges::reverse(buckets);  // gradients come from the end of the network first
  reducer_ = std::make_unique<c10d::Reducer>(
      dense, buckets,
      c10::intrusive_ptr<c10d::ProcessGroup>::reclaim_copy(&Group::current().processes()), sparse,
      kBucket, /*find_unused_parameters=*/true, /*gradient_as_bucket_view=*/true, names,
      kFirstBucket, /*skip_all_reduce_unused_params=*/false, /*use_python_reducer=*/false,
      std::vector<int64_t>{});
}

void GradientExchange::finish() {
  const Group& group = Group::current();
  if (group.alone()) return;
  const at::NoGradGuard no_grad;
  const double share = 1 / static_cast<double>(group.size());
  for (size_t i = 0; i < parameters_.size(); ++i) {
    at::Tensor& p = parameters_[i].second;
    if (!p.grad().defined() || (reduced_[i] && begun_)) continue;
    at::Tensor mean = p.grad() * share;
    if (!mean.is_sparse()) {
      group.sum_(mean);
    } else {
      const SparseRows rows = sparse_rows(mean);
      const auto all = group.gather_rows({rows.ids, rows.values});
      mean = at::sparse_coo_tensor(all[0].all.unsqueeze(0), all[1].all, p.sizes());
    }
    p.mutable_grad() = mean;
  }
  if (!reducer_) make_reducer();
  begun_ = false;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    if (!of_loss_[i].defined()) continue;
    at::Tensor& grad = parameters_[i].second.mutable_grad();
    const at::Tensor& of_loss = of_loss_[i];
    grad = !grad.defined() ? of_loss : of_loss.is_sparse() ? grad + of_loss : of_loss + grad;
  }
}

}  // namespace vistas::learn
