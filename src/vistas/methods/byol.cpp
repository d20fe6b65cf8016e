#include "vistas/methods/byol.h"

#include <ATen/ATen.h>

#include "vistas/base/random.h"
#include "vistas/contrast/negative_cosine.h"
#include "vistas/methods/pairs.h"

namespace vistas::methods {

Byol::Byol(std::shared_ptr<learn::Encoder> encoder, std::shared_ptr<learn::Encoder> teacher,
           const ByolOptions& options, uint64_t seed)
    : student_(register_module(
          "student", std::make_shared<learn::Branch>(std::move(encoder), options.projector, seed))),
      teacher_(register_module(
          "teacher", std::make_shared<learn::Branch>(std::move(teacher), options.projector, seed))),
      predictor_(register_module(
          "predictor", learn::make_predictor(student_->dim(), options.predictor, mix(seed, 1)))),
      options_(options) {
  learn::start_teacher(*teacher_, *student_);
}

learn::Embeddings Byol::embed(const learn::Batch& batch) {
  learn::Embeddings out;
  for (const at::Tensor& z : student_->apart(batch.views)) {
    out.live.push_back(predictor_->forward(z));
  }
  if (replaying()) return out;
  const at::NoGradGuard no_grad;
  out.fixed = teacher_->apart(batch.views);
  return out;
}

at::Tensor Byol::loss(const learn::Embeddings& embeddings, const learn::Batch&) {
  const auto& [p, z] = embeddings;
  learn::require_views(p.size(), 2, "BYOL");
  return mean_over_pairs(
      p.size(), [&](size_t a, size_t b) { return contrast::byol(p[a], p[b], z[a], z[b]); });
}

void Byol::after_step(const learn::Progress& progress) {
  learn::follow_student(*teacher_, *student_, options_.teacher, progress);
}

learn::Collapse Byol::collapse() const {
  return {.cure =
              "Raise method.teacher.momentum, keep batch norm in the heads, or lower "
              "schedule.lr"};
}

}  // namespace vistas::methods
