// Barlow Twins: the cross-correlation of two views shall be the identity. No negatives.
// Zbontar et al., "Barlow Twins: self-supervised learning via redundancy reduction", ICML 2021.
#pragma once

#include <memory>

#include "vistas/base/options.h"
#include "vistas/contrast/barlow_twins.h"
#include "vistas/methods/pairs.h"

namespace vistas::methods {

struct BarlowTwinsOptions {
  contrast::BarlowTwinsOptions loss{};
  double scale = 0.1;
  learn::ProjectorOptions projector{.layers = 3, .hidden = 2048, .out = 2048, .last_norm = false};

  void fields(Fields& f) {
    loss.fields(f);
    f.add("scale", scale, "multiplies the loss, which is a sum over dimensions", {1e-6, 1e6});
    f.group("projector", projector);
  }
};

class BarlowTwins : public PairMethod {
 public:
  BarlowTwins(std::shared_ptr<learn::Encoder> encoder, const BarlowTwinsOptions& options,
              uint64_t seed);

  int64_t negatives(int64_t) const override { return 0; }
  learn::Collapse collapse() const override;

 protected:
  at::Tensor compare(const at::Tensor& z_a, const at::Tensor& z_b,
                     const learn::Batch& batch) override;

 private:
  BarlowTwinsOptions options_;
};

}  // namespace vistas::methods
