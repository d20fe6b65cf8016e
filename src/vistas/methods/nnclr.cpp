#include "vistas/methods/nnclr.h"

#include <ATen/ATen.h>

#include "vistas/base/random.h"
#include "vistas/methods/pairs.h"

namespace vistas::methods {

Nnclr::Nnclr(std::shared_ptr<learn::Encoder> encoder, const NnclrOptions& options, uint64_t seed)
    : student_(register_module(
          "student", std::make_shared<learn::Branch>(std::move(encoder), options.projector, seed))),
      predictor_(register_module(
          "predictor", learn::make_predictor(student_->dim(), options.predictor, mix(seed, 1)))),
      options_(options) {
  queue_.emplace(options.queue, student_->dim(), mix(seed, 2));
  register_buffer("queue", queue_->rows());
  register_buffer("queue_pushed", queue_->pushed());
}

learn::Embeddings Nnclr::embed(const learn::Batch& batch) {
  learn::Embeddings out;
  for (const at::Tensor& z : student_->apart(batch.views)) {
    out.live.push_back(predictor_->forward(z));
    out.fixed.push_back(z.detach());
  }
  return out;
}

at::Tensor Nnclr::loss(const learn::Embeddings& embeddings, const learn::Batch& batch) {
  const auto& [p, z] = embeddings;
  learn::require_views(p.size(), 2, "NNCLR");
  new_rows_ = z.front();
  const at::Tensor group = learn::masked_groups(batch, options_.mask_groups);
  return mean_over_pairs(p.size(), [&](size_t a, size_t b) {
    return contrast::nnclr(z[a], z[b], p[a], p[b], queue_->rows(), options_.loss, group);
  });
}

void Nnclr::after_step(const learn::Progress&) {
  queue_->push(new_rows_);
}

}  // namespace vistas::methods
