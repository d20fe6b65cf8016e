#include "vistas/methods/barlow_twins.h"

#include <ATen/ATen.h>

namespace vistas::methods {

BarlowTwins::BarlowTwins(std::shared_ptr<learn::Encoder> encoder, const BarlowTwinsOptions& options,
                         uint64_t seed)
    : PairMethod("Barlow Twins", Feeding::apart,
                 std::make_shared<learn::Branch>(std::move(encoder), options.projector, seed)),
      options_(options) {}

at::Tensor BarlowTwins::compare(const at::Tensor& z_a, const at::Tensor& z_b, const learn::Batch&) {
  return options_.scale * contrast::barlow_twins(z_a, z_b, options_.loss);
}

learn::Collapse BarlowTwins::collapse() const {
  return {.cure = "Lower schedule.lr, use a larger batch, or raise method.lambda"};
}

}  // namespace vistas::methods
