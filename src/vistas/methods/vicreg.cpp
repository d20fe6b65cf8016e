#include "vistas/methods/vicreg.h"

namespace vistas::methods {

VicReg::VicReg(std::shared_ptr<learn::Encoder> encoder, const VicRegOptions& options, uint64_t seed)
    : PairMethod("VICReg", Feeding::apart,
                 std::make_shared<learn::Branch>(std::move(encoder), options.projector, seed)),
      loss_(options.loss) {}

at::Tensor VicReg::compare(const at::Tensor& z_a, const at::Tensor& z_b, const learn::Batch&) {
  return contrast::vicreg(z_a, z_b, loss_).loss;
}

learn::Collapse VicReg::collapse() const {
  return {.cure = "Raise method.variance relative to method.invariance, or lower schedule.lr"};
}

}  // namespace vistas::methods
