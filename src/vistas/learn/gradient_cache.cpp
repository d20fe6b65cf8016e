#include "vistas/learn/gradient_cache.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <utility>
#include <vector>

#include "vistas/learn/batch_norm.h"

namespace vistas::learn {
namespace {

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

}  // namespace

EmbeddedBatch embed_micro_batches(const MicroBatches& micro_batches) {
  const at::NoGradGuard no_grad;
  const RunningStatisticsShare share(1 / static_cast<double>(micro_batches.count));
  std::vector<EmbeddedBatch> parts;
  for (int64_t i = 0; i < micro_batches.count; ++i) {
    Batch batch = micro_batches.next();
    Embeddings embeddings = micro_batches.embed(batch);
    batch.views.clear();
    parts.push_back({std::move(batch), std::move(embeddings)});
  }
  const auto& [batch, embeddings] = parts.front();
  EmbeddedBatch whole;
  whole.batch.key = batch.key;
  whole.batch.index = cat_rows(parts, [](const auto& p) { return p.batch.index; });
  whole.batch.label = cat_rows(parts, [](const auto& p) { return p.batch.label; });
  whole.batch.group = cat_rows(parts, [](const auto& p) { return p.batch.group; });
  for (size_t i = 0; i < embeddings.live.size(); ++i) {
    const at::Tensor rows = cat_rows(parts, [i](const auto& p) { return p.embeddings.live[i]; });
    whole.embeddings.live.push_back(rows.requires_grad_());
  }
  for (size_t i = 0; i < embeddings.fixed.size(); ++i) {
    whole.embeddings.fixed.push_back(
        cat_rows(parts, [i](const auto& p) { return p.embeddings.fixed[i]; }));
  }
  return whole;
}

void replay_micro_batches(Method& method, const MicroBatches& micro_batches,
                          const Embeddings& embeddings) {
  const Replay replay(method);
  std::vector<int64_t> begin(embeddings.live.size(), 0);
  for (int64_t i = 0; i < micro_batches.count; ++i) {
    const Embeddings part = micro_batches.embed(micro_batches.next());
    std::vector<at::Tensor> outputs, gradients;
    for (size_t e = 0; e < part.live.size(); ++e) {
      const int64_t end = begin[e] + part.live[e].size(0);
      const at::Tensor& gradient = embeddings.live[e].grad();
      // A loss may not look at an embedding, and an encoder may be frozen.
      if (gradient.defined() && part.live[e].requires_grad()) {
        outputs.push_back(part.live[e]);
        gradients.push_back(gradient.slice(0, begin[e], end));
      }
      begin[e] = end;
    }
    if (!outputs.empty()) torch::autograd::backward(outputs, gradients);
  }
}

}  // namespace vistas::learn
