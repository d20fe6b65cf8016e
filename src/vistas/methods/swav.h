// SwAV: every view predicts the cluster of the other views. No negatives.
// Caron et al., "Unsupervised learning of visual features by contrasting cluster assignments",
// NeurIPS 2020.
#pragma once

#include <memory>
#include <vector>

#include "vistas/base/options.h"
#include "vistas/contrast/queue.h"
#include "vistas/contrast/swav.h"
#include "vistas/learn/branch.h"
#include "vistas/learn/method.h"

namespace vistas::methods {

struct SwavOptions {
  contrast::SwavOptions loss{};
  int64_t prototypes = 3000;
  int64_t freeze_steps = 313;
  int64_t queue = 0;
  double queue_from_epoch = 15;
  learn::ProjectorOptions projector{.hidden = 2048, .last_norm = false};

  void fields(Fields& f) {
    loss.fields(f);
    f.add("prototypes", prototypes, "clusters", {2, 1e7});
    f.add("freeze_steps", freeze_steps, "steps at the start in which the prototypes rest",
          {0, 1e9});
    f.add("queue", queue,
          "earlier embeddings of each large view that share in its clusters; 0: none", {0, 1e9});
    f.add("queue_from_epoch", queue_from_epoch, "epochs before the queue is used", {0, 1e6});
    f.group("projector", projector);
  }
};

// The views at the front that have one shape are the large ones: clusters are assigned to them; all
// views predict. Views of equal shape go through the encoder as one batch. The prototypes are unit
// rows, and so again after each step. With a queue there must be two large views.
class Swav : public learn::Method {
 public:
  Swav(std::shared_ptr<learn::Encoder> encoder, const SwavOptions& options, uint64_t seed);

  learn::Embeddings embed(const learn::Batch& batch) override;
  at::Tensor loss(const learn::Embeddings& embeddings, const learn::Batch& batch) override;
  void after_step(const learn::Progress& progress) override;
  std::shared_ptr<learn::Encoder> encoder() const override { return student_->encoder(); }
  int64_t negatives(int64_t) const override { return 0; }
  learn::Collapse collapse() const override;

  const at::Tensor& prototypes() const { return prototypes_; }  // [K, D]

 private:
  bool frozen(int64_t step) const { return step < options_.freeze_steps; }
  std::vector<at::Tensor> queue_scores(size_t large_views, const at::Tensor& prototypes) const;

  std::shared_ptr<learn::Branch> student_;
  SwavOptions options_;
  at::Tensor prototypes_;
  std::vector<contrast::Queue> queues_;  // one for each large view
  std::vector<at::Tensor> new_rows_;     // of the step at hand
};

}  // namespace vistas::methods
