// DCL and DCLW: SimCLR whose positive pair is left out of the denominator, which makes small
// batches enough. Yeh et al., "Decoupled contrastive learning", ECCV 2022.
#pragma once

#include <memory>

#include "vistas/base/options.h"
#include "vistas/contrast/dcl.h"
#include "vistas/methods/pairs.h"

namespace vistas::methods {

struct DclOptions {
  contrast::DclwOptions loss{};
  bool weighted = false;
  bool mask_groups = false;
  learn::ProjectorOptions projector{};

  void fields(Fields& f) {
    loss.fields(f);
    f.add("weighted", weighted, "DCLW: far positives weigh more, by sigma");
    f.add("mask_groups", mask_groups, "samples that are the same thing are no negatives");
    f.group("projector", projector);
  }
};

class Dcl : public PairMethod {
 public:
  Dcl(std::shared_ptr<learn::Encoder> encoder, const DclOptions& options, uint64_t seed);

  int64_t negatives(int64_t batch) const override { return 2 * (batch - 1); }

 protected:
  at::Tensor compare(const at::Tensor& z_a, const at::Tensor& z_b,
                     const learn::Batch& batch) override;

 private:
  DclOptions options_;
};

}  // namespace vistas::methods
