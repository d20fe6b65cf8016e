// SimSiam: predict the embedding of the other view, which is taken as given. No negatives, no
// teacher. Chen and He, "Exploring simple Siamese representation learning", CVPR 2021.
#pragma once

#include <memory>
#include <string>

#include "vistas/base/options.h"
#include "vistas/learn/branch.h"
#include "vistas/learn/method.h"
#include "vistas/learn/predictor.h"

namespace vistas::methods {

struct SimSiamOptions {
  learn::ProjectorOptions projector{.layers = 3, .hidden = 2048, .out = 2048, .last_affine = false};
  learn::PredictorOptions predictor{.hidden = 512};

  void fields(Fields& f) {
    f.group("projector", projector);
    f.group("predictor", predictor);
  }
};

// Views go through the encoder one after the other. The loss is the mean of both directions; with
// V > 2 views over all pairs of views. The predictor's learning rate stays at its peak.
class SimSiam : public learn::Method {
 public:
  SimSiam(std::shared_ptr<learn::Encoder> encoder, const SimSiamOptions& options, uint64_t seed);

  learn::Embeddings embed(const learn::Batch& batch) override;
  at::Tensor loss(const learn::Embeddings& embeddings, const learn::Batch& batch) override;
  std::shared_ptr<learn::Encoder> encoder() const override { return student_->encoder(); }
  int64_t negatives(int64_t) const override { return 0; }
  bool keeps_peak_rate(const std::string& parameter) const override;
  learn::Collapse collapse() const override;

 private:
  std::shared_ptr<learn::Branch> student_;
  std::shared_ptr<learn::Projector> predictor_;
};

}  // namespace vistas::methods
