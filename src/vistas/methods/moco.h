// MoCo v1 and v2: a query must find its key, made by a slowly moving copy of the encoder, among the
// keys of earlier batches. He et al., "Momentum contrast for unsupervised visual representation
// learning", CVPR 2020; Chen et al., "Improved baselines with momentum contrastive learning", 2020.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "vistas/base/options.h"
#include "vistas/contrast/info_nce.h"
#include "vistas/contrast/queue.h"
#include "vistas/learn/branch.h"
#include "vistas/learn/method.h"
#include "vistas/learn/teacher.h"

namespace vistas::methods {

struct MoCoOptions {
  contrast::QueueInfoNceOptions loss{.temperature = 0.2};
  int64_t queue = 65536;
  bool symmetric = false;
  int64_t batch_norm_splits = 8;
  learn::TeacherOptions teacher{.momentum = 0.999, .final_momentum = 0.999};
  learn::ProjectorOptions projector{.norm = false, .last_norm = false};

  void fields(Fields& f) {
    loss.fields(f);
    f.add("queue", queue, "keys of earlier batches", {1, 1e9});
    f.add("symmetric", symmetric, "both views are query and key; the mean of both directions");
    f.add("batch_norm_splits", batch_norm_splits,
          "parts of a batch that batch norm sees apart; 1 is ordinary batch norm", {1, 1024});
    f.group("teacher", teacher);
    f.group("projector", projector);
  }
};

// Version 1: one linear layer, temperature 0.07.
struct MoCoV1Options : MoCoOptions {
  MoCoV1Options() {
    loss.temperature = 0.07;
    projector.layers = 1;
  }
};

// With batch norm the query could recognise its key by the statistics they share. So batch norms
// are split, and the keys go through the teacher in another order, drawn from the key of the batch.
// A batch's own keys enter the queue after its step.
class MoCo : public learn::Method {
 public:
  // `teacher` must be of the architecture of `encoder`; it becomes a copy of it.
  MoCo(std::shared_ptr<learn::Encoder> encoder, std::shared_ptr<learn::Encoder> teacher,
       const MoCoOptions& options, uint64_t seed);

  learn::Embeddings embed(const learn::Batch& batch) override;
  at::Tensor loss(const learn::Embeddings& embeddings, const learn::Batch& batch) override;
  void after_step(const learn::Progress& progress) override;
  std::shared_ptr<learn::Encoder> encoder() const override { return student_->encoder(); }
  int64_t negatives(int64_t) const override { return options_.queue; }
  int64_t remembered() const override { return options_.queue; }

  const contrast::Queue& queue() const { return *queue_; }

 private:
  at::Tensor keys(const learn::Inputs& view, uint64_t key);

  std::shared_ptr<learn::Branch> student_, teacher_;
  MoCoOptions options_;
  std::optional<contrast::Queue> queue_;
  std::vector<at::Tensor> new_keys_;  // of the step at hand
};

}  // namespace vistas::methods
