// NNCLR: the positive of a view is the nearest earlier embedding of its other view.
// Dwibedi et al., "With a little help from my friends", ICCV 2021.
#pragma once

#include <memory>
#include <optional>

#include "vistas/base/options.h"
#include "vistas/contrast/nnclr.h"
#include "vistas/contrast/queue.h"
#include "vistas/learn/branch.h"
#include "vistas/learn/method.h"
#include "vistas/learn/predictor.h"

namespace vistas::methods {

struct NnclrOptions {
  contrast::NnclrOptions loss{};
  bool mask_groups = false;
  int64_t queue = 65536;
  learn::ProjectorOptions projector{.layers = 3, .hidden = 2048, .out = 256};
  learn::PredictorOptions predictor{};

  void fields(Fields& f) {
    loss.fields(f);
    f.add("mask_groups", mask_groups, "samples that are the same thing are no negatives");
    f.add("queue", queue, "earlier embeddings among which neighbours are sought", {1, 1e9});
    f.group("projector", projector);
    f.group("predictor", predictor);
  }
};

// Views go through the encoder one after the other. The loss is the mean of both directions; with
// V > 2 views over all pairs of views. The embeddings of the first view enter the queue after the
// step.
class Nnclr : public learn::Method {
 public:
  Nnclr(std::shared_ptr<learn::Encoder> encoder, const NnclrOptions& options, uint64_t seed);

  learn::Embeddings embed(const learn::Batch& batch) override;
  at::Tensor loss(const learn::Embeddings& embeddings, const learn::Batch& batch) override;
  void after_step(const learn::Progress& progress) override;
  std::shared_ptr<learn::Encoder> encoder() const override { return student_->encoder(); }
  int64_t negatives(int64_t batch) const override {
    const bool both = options_.loss.denominator == contrast::NnclrDenominator::nt_xent;
    return (both ? 2 : 1) * (batch - 1);
  }
  int64_t remembered() const override { return options_.queue; }

 private:
  std::shared_ptr<learn::Branch> student_;
  std::shared_ptr<learn::Projector> predictor_;
  NnclrOptions options_;
  std::optional<contrast::Queue> queue_;
  at::Tensor new_rows_;  // of the step at hand
};

}  // namespace vistas::methods
