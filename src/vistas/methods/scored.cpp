#include "vistas/methods/scored.h"

#include <ATen/ATen.h>

namespace vistas::methods {

Scored::Scored(std::shared_ptr<learn::Encoder> encoder, const ScoredOptions& options, uint64_t seed)
    : student_(register_module(
          "student", std::make_shared<learn::Branch>(std::move(encoder), options.projector, seed))),
      options_(options) {}

learn::Embeddings Scored::embed(const learn::Batch& batch) {
  return {student_->jointly(batch.views), {}};
}

at::Tensor Scored::loss(const learn::Embeddings& embeddings, const learn::Batch& batch) {
  const auto& z = embeddings.live;
  learn::require_views(z.size(), 2, "scored");
  const at::Tensor& score = learn::scores_of(batch, "scored");
  const auto loss = [&](const std::vector<at::Tensor>& x) {
    return options_.loss == ScoredLoss::cosent
               ? contrast::cosent(x[0], x[1], score, options_.cosent)
               : contrast::angle(x[0], x[1], score, options_.angle);
  };
  const std::vector<at::Tensor> columns{z[0], z[1]};
  if (options_.matryoshka.dims.empty()) return loss(columns);
  return contrast::matryoshka(columns, loss, options_.matryoshka);
}

}  // namespace vistas::methods
