#include "vistas/learn/gradient_cache.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "vistas/learn/batch_norm.h"

namespace vistas::learn {
namespace {

constexpr int64_t kFew = 8;  // micro-batches

// The rows of all micro-batches below each other, in memory of their own from the first one on. No
// micro-batch's rows outlive it: between the activations they would leave the freed memory in
// pieces too small for the loss.
class Rows {
 public:
  // `left`: micro-batches that come after this one.
  void add(const at::Tensor& part, int64_t left) {
    if (!part.defined()) return;
    const int64_t rows = part.size(0), room = rows_.defined() ? rows_.size(0) - used_ : 0;
    if (rows > room) {
      auto sizes = part.sizes().vec();
      sizes[0] *= left + 1;
      const at::Tensor more = at::empty(sizes, part.options());
      rows_ = used_ > 0 ? at::cat({all(), more}) : more;
    }
    rows_.narrow(0, used_, rows).copy_(part);
    used_ += rows;
  }
  at::Tensor all() const { return rows_.defined() ? rows_.narrow(0, 0, used_) : rows_; }

 private:
  at::Tensor rows_;
  int64_t used_ = 0;
};

void add(std::vector<Rows>& whole, const std::vector<at::Tensor>& part, int64_t left) {
  whole.resize(part.size());
  for (size_t i = 0; i < part.size(); ++i) whole[i].add(part[i], left);
}

std::vector<at::Tensor> all(const std::vector<Rows>& whole) {
  std::vector<at::Tensor> tensors;
  for (const Rows& rows : whole) tensors.push_back(rows.all());
  return tensors;
}

class Replay {
 public:
  explicit Replay(Method& method) : method_(method) { method_.set_replaying(true); }
  ~Replay() { method_.set_replaying(false); }
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;

 private:
  Method& method_;
  RunningStatisticsShare rest_{0};
};

using BeforeBackward = std::function<void(const std::vector<at::Tensor>& outputs)>;

// Backward through the graph of a micro-batch, whose rows of the whole begin at begin[i] in the
// i-th live embedding.
void send_back(const Embeddings& part, const Embeddings& whole, const std::vector<int64_t>& begin,
               const BeforeBackward& before) {
  std::vector<at::Tensor> outputs, gradients;
  for (size_t i = 0; i < part.live.size(); ++i) {
    const at::Tensor& gradient = whole.live[i].grad();
    // A loss may not look at an embedding, and an encoder may be frozen.
    if (!gradient.defined() || !part.live[i].requires_grad()) continue;
    outputs.push_back(part.live[i]);
    gradients.push_back(gradient.slice(0, begin[i], begin[i] + part.live[i].size(0)));
  }
  if (outputs.empty()) return;
  if (before) before(outputs);
  torch::autograd::backward(outputs, gradients);
}

}  // namespace

EmbeddedBatch embed_micro_batches(const MicroBatches& micro_batches) {
  const RunningStatisticsShare share(1 / static_cast<double>(micro_batches.count));
  EmbeddedBatch whole;
  Rows index, label, group, score;
  std::vector<Rows> live, fixed;
  const bool keep_graph = micro_batches.count <= kFew;
  for (int64_t left = micro_batches.count - 1; left >= 0; --left) {
    const bool last = left == 0;
    Batch batch = micro_batches.next();
    Embeddings part;
    {
      const at::AutoGradMode with_graph(last && keep_graph);
      part = micro_batches.embed(batch);
    }
    const at::NoGradGuard no_grad;
    if (left + 1 == micro_batches.count) whole.batch.key = batch.key;
    index.add(batch.index, left);
    label.add(batch.label, left);
    group.add(batch.group, left);
    score.add(batch.score, left);
    add(live, part.live, left);
    add(fixed, part.fixed, left);
    if (!last) continue;
    whole.last = std::move(part);
    if (!keep_graph) whole.again = std::move(batch);
  }
  whole.batch.index = index.all();
  whole.batch.label = label.all();
  whole.batch.group = group.all();
  whole.batch.score = score.all();
  whole.embeddings = {all(live), all(fixed)};
  for (at::Tensor& rows : whole.embeddings.live) rows.requires_grad_();
  return whole;
}

void replay_micro_batches(Method& method, const MicroBatches& micro_batches, EmbeddedBatch& whole,
                          const BeforeBackward& before_last) {
  std::vector<int64_t> begin;
  for (size_t i = 0; i < whole.last.live.size(); ++i) {
    begin.push_back(whole.embeddings.live[i].size(0) - whole.last.live[i].size(0));
  }
  const Replay replay(method);
  if (whole.again) whole.last = micro_batches.embed(*std::exchange(whole.again, {}));
  // The graph is gone before the next one is made.
  const auto before = [&](int64_t left) { return left == 0 ? before_last : BeforeBackward{}; };
  send_back(std::exchange(whole.last, {}), whole.embeddings, begin,
            before(micro_batches.count - 1));
  std::fill(begin.begin(), begin.end(), 0);
  for (int64_t i = 0; i + 1 < micro_batches.count; ++i) {
    const Embeddings part = micro_batches.embed(micro_batches.next());
    send_back(part, whole.embeddings, begin, before(micro_batches.count - 2 - i));
    for (size_t e = 0; e < begin.size(); ++e) begin[e] += part.live[e].size(0);
  }
}

}  // namespace vistas::learn
