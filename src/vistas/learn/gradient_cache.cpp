#include "vistas/learn/gradient_cache.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "vistas/learn/batch_norm.h"

namespace vistas::learn {
namespace {

constexpr int64_t kFew = 8;  // micro-batches

// Rows of the micro-batches below each other; `part` gives one tensor of a micro-batch, which is
// undefined in all of them or in none.
template <typename Items, typename Part>
at::Tensor cat_rows(const Items& items, const Part& part) {
  std::vector<at::Tensor> rows;
  for (const auto& item : items) rows.push_back(part(item));
  return rows.front().defined() ? at::cat(rows) : at::Tensor();
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

// Backward through the graph of a micro-batch, whose rows of the whole begin at begin[i] in the
// i-th live embedding.
void send_back(const Embeddings& part, const Embeddings& whole, const std::vector<int64_t>& begin) {
  std::vector<at::Tensor> outputs, gradients;
  for (size_t i = 0; i < part.live.size(); ++i) {
    const at::Tensor& gradient = whole.live[i].grad();
    // A loss may not look at an embedding, and an encoder may be frozen.
    if (!gradient.defined() || !part.live[i].requires_grad()) continue;
    outputs.push_back(part.live[i]);
    gradients.push_back(gradient.slice(0, begin[i], begin[i] + part.live[i].size(0)));
  }
  if (!outputs.empty()) torch::autograd::backward(outputs, gradients);
}

}  // namespace

EmbeddedBatch embed_micro_batches(const MicroBatches& micro_batches) {
  const RunningStatisticsShare share(1 / static_cast<double>(micro_batches.count));
  std::vector<Batch> batches;
  std::vector<Embeddings> parts;
  EmbeddedBatch whole;
  const bool keep_graph = micro_batches.count <= kFew;
  for (int64_t i = 0; i < micro_batches.count; ++i) {
    const bool last = i + 1 == micro_batches.count;
    const at::AutoGradMode with_graph(last && keep_graph);
    batches.push_back(micro_batches.next());
    parts.push_back(micro_batches.embed(batches.back()));
    if (last && !keep_graph) whole.again = batches.back();
    batches.back().views.clear();
  }
  const at::NoGradGuard no_grad;
  whole.last = parts.back();
  whole.batch.key = batches.front().key;
  whole.batch.index = cat_rows(batches, [](const Batch& b) { return b.index; });
  whole.batch.label = cat_rows(batches, [](const Batch& b) { return b.label; });
  whole.batch.group = cat_rows(batches, [](const Batch& b) { return b.group; });
  for (size_t i = 0; i < whole.last.live.size(); ++i) {
    const at::Tensor rows = cat_rows(parts, [i](const Embeddings& z) { return z.live[i]; });
    whole.embeddings.live.push_back(rows.requires_grad_());
  }
  for (size_t i = 0; i < whole.last.fixed.size(); ++i) {
    whole.embeddings.fixed.push_back(
        cat_rows(parts, [i](const Embeddings& z) { return z.fixed[i]; }));
  }
  return whole;
}

void replay_micro_batches(Method& method, const MicroBatches& micro_batches, EmbeddedBatch& whole) {
  std::vector<int64_t> begin;
  for (size_t i = 0; i < whole.last.live.size(); ++i) {
    begin.push_back(whole.embeddings.live[i].size(0) - whole.last.live[i].size(0));
  }
  const Replay replay(method);
  if (whole.again) whole.last = micro_batches.embed(*std::exchange(whole.again, {}));
  // The graph is gone before the next one is made.
  send_back(std::exchange(whole.last, {}), whole.embeddings, begin);
  std::fill(begin.begin(), begin.end(), 0);
  for (int64_t i = 0; i + 1 < micro_batches.count; ++i) {
    const Embeddings part = micro_batches.embed(micro_batches.next());
    send_back(part, whole.embeddings, begin);
    for (size_t e = 0; e < begin.size(); ++e) begin[e] += part.live[e].size(0);
  }
}

}  // namespace vistas::learn
