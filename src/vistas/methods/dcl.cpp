#include "vistas/methods/dcl.h"

namespace vistas::methods {

Dcl::Dcl(std::shared_ptr<learn::Encoder> encoder, const DclOptions& options, uint64_t seed)
    : PairMethod("DCL", Feeding::jointly,
                 std::make_shared<learn::Branch>(std::move(encoder), options.projector, seed)),
      options_(options) {}

at::Tensor Dcl::compare(const at::Tensor& z_a, const at::Tensor& z_b, const learn::Batch& batch) {
  const at::Tensor group = learn::masked_groups(batch, options_.mask_groups);
  if (options_.weighted) return contrast::dclw(z_a, z_b, options_.loss, group);
  return contrast::dcl(
      z_a, z_b, {.temperature = options_.loss.temperature, .similarity = options_.loss.similarity},
      group);
}

}  // namespace vistas::methods
