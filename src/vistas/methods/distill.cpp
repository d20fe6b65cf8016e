#include "vistas/methods/distill.h"

#include <ATen/ATen.h>

#include "vistas/contrast/distillation.h"
#include "vistas/contrast/similarity.h"

namespace vistas::methods {
namespace {

// The cosines of every row with all others: [N, N - 1].
at::Tensor cosines(const at::Tensor& z) {
  const at::Tensor unit = contrast::unit_rows(z);
  const at::Tensor others = at::eye(z.size(0), z.options().dtype(at::kBool)).logical_not_();
  return unit.mm(unit.t()).masked_select(others).view({z.size(0), z.size(0) - 1});
}

}  // namespace

Distill::Distill(std::shared_ptr<learn::Encoder> encoder, const DistillOptions& options,
                 uint64_t seed)
    : student_(register_module(
          "student", std::make_shared<learn::Branch>(std::move(encoder), options.projector, seed))),
      options_(options) {}

learn::Embeddings Distill::embed(const learn::Batch& batch) {
  return {student_->jointly(batch.views), learn::teacher_embeddings(batch, "distill")};
}

at::Tensor Distill::loss(const learn::Embeddings& embeddings, const learn::Batch&) {
  const at::Tensor z = at::cat(embeddings.live);
  const at::Tensor t = at::cat(embeddings.fixed).to(z.scalar_type());
  if (options_.loss == DistillLoss::embeddings) return contrast::mse_distillation(z, t);
  const at::Tensor learned = cosines(z), target = cosines(t);
  if (options_.loss == DistillLoss::similarities) {
    return contrast::mse_distillation(learned, target);
  }
  const double scale = 1 / options_.temperature;
  return contrast::kl_distillation(learned * scale, target * scale);
}

}  // namespace vistas::methods
