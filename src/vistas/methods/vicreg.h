// VICReg: views alike, every dimension alive, no two dimensions alike. No negatives.
// Bardes et al., "VICReg: variance-invariance-covariance regularization for self-supervised
// learning", ICLR 2022.
#pragma once

#include <memory>

#include "vistas/base/options.h"
#include "vistas/contrast/vicreg.h"
#include "vistas/methods/pairs.h"

namespace vistas::methods {

struct VicRegOptions {
  contrast::VicRegOptions loss{};
  learn::ProjectorOptions projector{.layers = 3, .hidden = 2048, .out = 2048, .last_norm = false};

  void fields(Fields& f) {
    loss.fields(f);
    f.group("projector", projector);
  }
};

class VicReg : public PairMethod {
 public:
  VicReg(std::shared_ptr<learn::Encoder> encoder, const VicRegOptions& options, uint64_t seed);

  int64_t negatives(int64_t) const override { return 0; }
  learn::Collapse collapse() const override;

 protected:
  at::Tensor compare(const at::Tensor& z_a, const at::Tensor& z_b,
                     const learn::Batch& batch) override;

 private:
  contrast::VicRegOptions loss_;
};

}  // namespace vistas::methods
