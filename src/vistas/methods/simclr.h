// SimCLR: two views of a sample attract, all other views of the batch repel.
// Chen et al., "A simple framework for contrastive learning of visual representations", ICML 2020.
#pragma once

#include <memory>

#include "vistas/base/options.h"
#include "vistas/contrast/nt_xent.h"
#include "vistas/learn/method.h"
#include "vistas/learn/projector.h"

namespace vistas::methods {

struct SimClrOptions {
  contrast::NtXentOptions loss;
  learn::ProjectorOptions projector;

  void fields(Fields& f) {
    loss.fields(f);
    f.group("projector", projector);
  }
};

// Views of equal shape go through the encoder as one batch, so that batch norm sees them jointly,
// as the original does. The loss is NT-Xent over the projections of two views; with V > 2 views its
// mean over all pairs of views.
class SimClr : public learn::Method {
 public:
  // The weights of the projector are drawn from `seed`.
  SimClr(std::shared_ptr<learn::Encoder> encoder, const SimClrOptions& options, uint64_t seed);

  learn::Embeddings embed(const learn::Batch& batch) override;
  at::Tensor loss(const learn::Embeddings& embeddings, const learn::Batch& batch) override;
  std::shared_ptr<learn::Encoder> encoder() const override { return encoder_; }
  int64_t negatives(int64_t batch) const override { return 2 * (batch - 1); }

 private:
  std::shared_ptr<learn::Encoder> encoder_;
  std::shared_ptr<learn::Projector> projector_;
  contrast::NtXentOptions loss_;
};

}  // namespace vistas::methods
