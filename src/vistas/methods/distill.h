// Distillation: the embeddings of a teacher that saw the same samples are the targets.
// Reimers and Gurevych, "Making monolingual sentence embeddings multilingual using knowledge
// distillation", 2020 (embeddings); Park et al., "Relational knowledge distillation", 2019
// (similarities); Fang et al., "SEED: self-supervised distillation", 2021 (ranking).
#pragma once

#include <memory>

#include "vistas/base/options.h"
#include "vistas/learn/branch.h"
#include "vistas/learn/method.h"

namespace vistas::methods {

enum class DistillLoss { embeddings, similarities, ranking };

struct DistillOptions {
  DistillLoss loss = DistillLoss::similarities;
  double temperature = 0.05;
  learn::ProjectorOptions projector{.layers = 0};

  void fields(Fields& f) {
    f.add("loss", loss,
          "what is to equal the teacher's: embeddings, which have its width then; cosines of all "
          "pairs of a batch; or their softmax by rows",
          {{"embeddings", DistillLoss::embeddings},
           {"similarities", DistillLoss::similarities},
           {"ranking", DistillLoss::ranking}});
    f.add("temperature", temperature, "ranking: divides the cosines", {1e-4, 1e4});
    f.group("projector", projector);
  }
};

// Every view brings the teacher's embedding of its rows: "teacher" [B, T], beside what the encoder
// takes. A data error where it is missing. Over the rows z of all views and their targets t:
//
//   embeddings    mean of (z - t)^2
//   similarities  mean over pairs i != j of (cos(z_i, z_j) - cos(t_i, t_j))^2
//   ranking       mean_i KL(softmax_j cos(t_i, t_j) / T || softmax_j cos(z_i, z_j) / T), j != i
class Distill : public learn::Method {
 public:
  Distill(std::shared_ptr<learn::Encoder> encoder, const DistillOptions& options, uint64_t seed);

  learn::Embeddings embed(const learn::Batch& batch) override;
  at::Tensor loss(const learn::Embeddings& embeddings, const learn::Batch& batch) override;
  std::shared_ptr<learn::Encoder> encoder() const override { return student_->encoder(); }
  int64_t negatives(int64_t) const override { return 0; }

 private:
  std::shared_ptr<learn::Branch> student_;
  DistillOptions options_;
};

}  // namespace vistas::methods
