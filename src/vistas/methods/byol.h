// BYOL: predict what a slowly moving copy of the encoder says of the other view. No negatives.
// Grill et al., "Bootstrap your own latent", NeurIPS 2020.
#pragma once

#include <memory>

#include "vistas/base/options.h"
#include "vistas/learn/branch.h"
#include "vistas/learn/method.h"
#include "vistas/learn/predictor.h"
#include "vistas/learn/teacher.h"

namespace vistas::methods {

struct ByolOptions {
  learn::TeacherOptions teacher{};
  learn::ProjectorOptions projector{.hidden = 4096, .out = 256, .last_norm = false};
  learn::PredictorOptions predictor{};

  void fields(Fields& f) {
    f.group("teacher", teacher);
    f.group("projector", projector);
    f.group("predictor", predictor);
  }
};

// Views go through the encoders one after the other. The loss is the sum of both directions; with
// V > 2 views its mean over all pairs of views.
class Byol : public learn::Method {
 public:
  // `teacher` must be of the architecture of `encoder`; it becomes a copy of it.
  Byol(std::shared_ptr<learn::Encoder> encoder, std::shared_ptr<learn::Encoder> teacher,
       const ByolOptions& options, uint64_t seed);

  learn::Embeddings embed(const learn::Batch& batch) override;
  at::Tensor loss(const learn::Embeddings& embeddings, const learn::Batch& batch) override;
  void after_step(const learn::Progress& progress) override;
  std::shared_ptr<learn::Encoder> encoder() const override { return student_->encoder(); }
  int64_t negatives(int64_t) const override { return 0; }
  learn::Collapse collapse() const override;

 private:
  std::shared_ptr<learn::Branch> student_, teacher_;
  std::shared_ptr<learn::Projector> predictor_;
  ByolOptions options_;
};

}  // namespace vistas::methods
