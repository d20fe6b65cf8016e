// Pairs with graded scores: pairs with a higher score must be more alike than those with a lower
// one. Su, "CoSENT: a more effective sentence vector scheme than Sentence-BERT", 2022; Li and Li,
// "AnglE-optimized text embeddings", 2023.
#pragma once

#include <memory>

#include "vistas/base/options.h"
#include "vistas/contrast/cosent.h"
#include "vistas/contrast/matryoshka.h"
#include "vistas/learn/branch.h"
#include "vistas/learn/method.h"

namespace vistas::methods {

enum class ScoredLoss { cosent, angle };

struct ScoredOptions {
  ScoredLoss loss = ScoredLoss::cosent;
  contrast::CosentOptions cosent{};
  contrast::AngleOptions angle{};
  contrast::MatryoshkaOptions matryoshka{};
  learn::ProjectorOptions projector{.layers = 0};

  void fields(Fields& f) {
    f.add("loss", loss, "on the scores of pairs",
          {{"cosent", ScoredLoss::cosent}, {"angle", ScoredLoss::angle}});
    f.group("cosent", cosent);
    f.group("angle", angle);
    f.group("matryoshka", matryoshka);
    f.group("projector", projector);
  }
};

// The first two views are a pair of score Batch::score; a data error without scores. With
// method.matryoshka the loss is its sum over the first columns of the embeddings.
class Scored : public learn::Method {
 public:
  Scored(std::shared_ptr<learn::Encoder> encoder, const ScoredOptions& options, uint64_t seed);

  learn::Embeddings embed(const learn::Batch& batch) override;
  at::Tensor loss(const learn::Embeddings& embeddings, const learn::Batch& batch) override;
  std::shared_ptr<learn::Encoder> encoder() const override { return student_->encoder(); }
  int64_t negatives(int64_t) const override { return 0; }

 private:
  std::shared_ptr<learn::Branch> student_;
  ScoredOptions options_;
};

}  // namespace vistas::methods
