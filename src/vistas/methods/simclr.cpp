#include "vistas/methods/simclr.h"

namespace vistas::methods {

SimClr::SimClr(std::shared_ptr<learn::Encoder> encoder, const SimClrOptions& options, uint64_t seed)
    : PairMethod("SimCLR", Feeding::jointly,
                 std::make_shared<learn::Branch>(std::move(encoder), options.projector, seed)),
      options_(options) {}

at::Tensor SimClr::compare(const at::Tensor& z_a, const at::Tensor& z_b,
                           const learn::Batch& batch) {
  return contrast::nt_xent(z_a, z_b, options_.loss,
                           learn::masked_groups(batch, options_.mask_groups));
}

}  // namespace vistas::methods
