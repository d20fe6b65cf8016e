// DINO: every view predicts what a slowly moving copy of the encoder says of the large views. No
// negatives. Caron et al., "Emerging properties in self-supervised vision transformers", ICCV 2021.
#pragma once

#include <memory>

#include "vistas/base/options.h"
#include "vistas/learn/branch.h"
#include "vistas/learn/method.h"
#include "vistas/learn/teacher.h"

namespace vistas::methods {

struct DinoOptions {
  int64_t prototypes = 4096;
  double student_temperature = 0.1;
  double teacher_temperature_start = 0.04;
  double teacher_temperature = 0.07;
  double teacher_temperature_epochs = 30;
  double center_momentum = 0.9;
  double freeze_epochs = 1;
  learn::TeacherOptions teacher{};
  learn::ProjectorOptions projector{.layers = 3,
                                    .hidden = 2048,
                                    .out = 256,
                                    .norm = false,
                                    .last_norm = false,
                                    .activation = learn::Activation::gelu};

  void fields(Fields& f);
};

// The last layer of a head: cosines of embeddings and prototypes, that is a linear layer whose
// weight is normalised and has length one.
class PrototypeLayer : public torch::nn::Module {
 public:
  PrototypeLayer(int64_t dim, int64_t prototypes, uint64_t seed);

  at::Tensor weight;  // [K, dim]
};

// The views at the front that have one shape are the large ones: only they go through the teacher.
// Views of equal shape go through the encoders as one batch. The teacher's encoder is the one that
// is handed on.
class Dino : public learn::Method {
 public:
  // `teacher` must be of the architecture of `encoder`; it becomes a copy of it.
  Dino(std::shared_ptr<learn::Encoder> encoder, std::shared_ptr<learn::Encoder> teacher,
       const DinoOptions& options, uint64_t seed);

  learn::Embeddings embed(const learn::Batch& batch) override;
  at::Tensor loss(const learn::Embeddings& embeddings, const learn::Batch& batch) override;
  void after_step(const learn::Progress& progress) override;
  std::shared_ptr<learn::Encoder> encoder() const override { return teacher_->encoder(); }
  int64_t negatives(int64_t) const override { return 0; }
  learn::Collapse collapse() const override;

  const at::Tensor& center() const { return center_; }  // [K]

 private:
  double teacher_temperature() const;

  std::shared_ptr<learn::Branch> student_, teacher_;
  std::shared_ptr<PrototypeLayer> student_last_, teacher_last_;
  DinoOptions options_;
  at::Tensor center_;
  at::Tensor teacher_mean_;  // of the outputs of the step at hand
};

}  // namespace vistas::methods
