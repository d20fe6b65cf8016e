// SimCLR: two views of a sample attract, all other views of the batch repel.
// Chen et al., "A simple framework for contrastive learning of visual representations", ICML 2020;
// its second version ("Big self-supervised models are strong semi-supervised learners", 2020) has
// a projector of three layers.
#pragma once

#include <memory>

#include "vistas/base/options.h"
#include "vistas/contrast/nt_xent.h"
#include "vistas/methods/pairs.h"

namespace vistas::methods {

struct SimClrOptions {
  contrast::NtXentOptions loss{};
  bool mask_groups = false;
  learn::ProjectorOptions projector{};

  void fields(Fields& f) {
    loss.fields(f);
    f.add("mask_groups", mask_groups, "samples that are the same thing are no negatives");
    f.group("projector", projector);
  }
};

// Views of equal shape go through the encoder as one batch, as in the original. The loss is NT-Xent
// over the projections.
class SimClr : public PairMethod {
 public:
  SimClr(std::shared_ptr<learn::Encoder> encoder, const SimClrOptions& options, uint64_t seed);

  int64_t negatives(int64_t batch) const override { return 2 * (batch - 1); }

 protected:
  at::Tensor compare(const at::Tensor& z_a, const at::Tensor& z_b,
                     const learn::Batch& batch) override;

 private:
  SimClrOptions options_;
};

}  // namespace vistas::methods
