// Ranking of columns: an anchor must find its positive among those of the whole batch and among
// hard negatives. Henderson et al., "Efficient natural language response suggestion for smart
// reply", 2017; margin and both directions: Feng et al., "Language-agnostic BERT sentence
// embedding", 2022 (LaBSE).
#pragma once

#include <memory>

#include "vistas/base/options.h"
#include "vistas/contrast/info_nce.h"
#include "vistas/contrast/matryoshka.h"
#include "vistas/learn/branch.h"
#include "vistas/learn/method.h"

namespace vistas::methods {

struct RankingOptions {
  contrast::InfoNceOptions loss{.temperature = 0.05};
  contrast::MatryoshkaOptions matryoshka{};
  bool mask_groups = false;
  learn::ProjectorOptions projector{.layers = 0};

  void fields(Fields& f) {
    loss.fields(f);
    f.group("matryoshka", matryoshka);
    f.add("mask_groups", mask_groups, "samples that are the same thing are no negatives");
    f.group("projector", projector);
  }
};

// Views are columns: anchor, positive, and any number of negatives, which all anchors of the batch
// are compared with. Two views of the same text make it SimCSE: Gao et al., "SimCSE: simple
// contrastive learning of sentence embeddings", 2021. The loss is InfoNCE; with method.matryoshka
// its sum over the first columns of the embeddings.
class Ranking : public learn::Method {
 public:
  Ranking(std::shared_ptr<learn::Encoder> encoder, const RankingOptions& options, uint64_t seed);

  learn::Embeddings embed(const learn::Batch& batch) override;
  at::Tensor loss(const learn::Embeddings& embeddings, const learn::Batch& batch) override;
  std::shared_ptr<learn::Encoder> encoder() const override { return student_->encoder(); }
  // Hard negatives come on top.
  int64_t negatives(int64_t batch) const override { return batch - 1; }

 private:
  std::shared_ptr<learn::Branch> student_;
  RankingOptions options_;
};

}  // namespace vistas::methods
