// MoCo v3: a predicted query must find its key, made by a slowly moving copy of the encoder, among
// the keys of the batch. Chen et al., "An empirical study of training self-supervised vision
// transformers", ICCV 2021.
#pragma once

#include <memory>

#include "vistas/base/options.h"
#include "vistas/learn/branch.h"
#include "vistas/learn/method.h"
#include "vistas/learn/predictor.h"
#include "vistas/learn/teacher.h"

namespace vistas::methods {

struct MoCoV3Options {
  double temperature = 0.2;
  bool mask_groups = false;
  learn::TeacherOptions teacher{.momentum = 0.99};
  learn::ProjectorOptions projector{.hidden = 4096, .out = 256, .last_affine = false};
  learn::PredictorOptions predictor{};

  void fields(Fields& f) {
    f.add("temperature", temperature,
          "divides the similarities; the loss is multiplied by twice it", {1e-4, 1e4});
    f.add("mask_groups", mask_groups, "samples that are the same thing are no negatives");
    f.group("teacher", teacher);
    f.group("projector", projector);
    f.group("predictor", predictor);
  }
};

// Views go through the encoders one after the other. The loss is the sum of both directions, each
// InfoNCE times 2 temperature; with V > 2 views the mean over all pairs of views.
class MoCoV3 : public learn::Method {
 public:
  // `teacher` must be of the architecture of `encoder`; it becomes a copy of it.
  MoCoV3(std::shared_ptr<learn::Encoder> encoder, std::shared_ptr<learn::Encoder> teacher,
         const MoCoV3Options& options, uint64_t seed);

  learn::Embeddings embed(const learn::Batch& batch) override;
  at::Tensor loss(const learn::Embeddings& embeddings, const learn::Batch& batch) override;
  void after_step(const learn::Progress& progress) override;
  std::shared_ptr<learn::Encoder> encoder() const override { return student_->encoder(); }
  int64_t negatives(int64_t batch) const override { return batch - 1; }

 private:
  std::shared_ptr<learn::Branch> student_, teacher_;
  std::shared_ptr<learn::Projector> predictor_;
  MoCoV3Options options_;
};

}  // namespace vistas::methods
