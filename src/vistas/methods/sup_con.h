// SupCon: all views of all samples of a class attract, the other classes repel.
// Khosla et al., "Supervised contrastive learning", NeurIPS 2020.
#pragma once

#include <memory>

#include "vistas/base/options.h"
#include "vistas/contrast/sup_con.h"
#include "vistas/learn/branch.h"
#include "vistas/learn/method.h"

namespace vistas::methods {

struct SupConOptions {
  contrast::SupConOptions loss{};
  learn::ProjectorOptions projector{.norm = false, .last_norm = false};

  void fields(Fields& f) {
    loss.fields(f);
    f.group("projector", projector);
  }
};

// Views of equal shape go through the encoder as one batch. A data error without labels.
class SupCon : public learn::Method {
 public:
  SupCon(std::shared_ptr<learn::Encoder> encoder, const SupConOptions& options, uint64_t seed);

  learn::Embeddings embed(const learn::Batch& batch) override;
  at::Tensor loss(const learn::Embeddings& embeddings, const learn::Batch& batch) override;
  std::shared_ptr<learn::Encoder> encoder() const override { return student_->encoder(); }
  int64_t negatives(int64_t batch) const override { return 2 * (batch - 1); }
  bool spares_own_class() const override { return true; }

 private:
  std::shared_ptr<learn::Branch> student_;
  contrast::SupConOptions loss_;
};

}  // namespace vistas::methods
