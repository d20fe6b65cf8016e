#include "vistas/methods/moco_v3.h"

#include <ATen/ATen.h>

#include "vistas/base/random.h"
#include "vistas/contrast/info_nce.h"
#include "vistas/methods/pairs.h"

namespace vistas::methods {

MoCoV3::MoCoV3(std::shared_ptr<learn::Encoder> encoder, std::shared_ptr<learn::Encoder> teacher,
               const MoCoV3Options& options, uint64_t seed)
    : student_(register_module(
          "student", std::make_shared<learn::Branch>(std::move(encoder), options.projector, seed))),
      teacher_(register_module(
          "teacher", std::make_shared<learn::Branch>(std::move(teacher), options.projector, seed))),
      predictor_(register_module(
          "predictor", learn::make_predictor(student_->dim(), options.predictor, mix(seed, 1)))),
      options_(options) {
  learn::start_teacher(*teacher_, *student_);
}

learn::Embeddings MoCoV3::embed(const learn::Batch& batch) {
  learn::Embeddings out;
  for (const at::Tensor& z : student_->apart(batch.views)) {
    out.live.push_back(predictor_->forward(z));
  }
  if (replaying()) return out;
  const at::NoGradGuard no_grad;
  out.fixed = teacher_->apart(batch.views);
  return out;
}

at::Tensor MoCoV3::loss(const learn::Embeddings& embeddings, const learn::Batch& batch) {
  const auto& [q, k] = embeddings;
  learn::require_views(q.size(), 2, "MoCo v3");
  const contrast::InfoNceOptions options{.temperature = options_.temperature};
  const at::Tensor group = learn::masked_groups(batch, options_.mask_groups);
  return 2 * options_.temperature * mean_over_pairs(q.size(), [&](size_t a, size_t b) {
           return contrast::info_nce(q[a], k[b], options, group) +
                  contrast::info_nce(q[b], k[a], options, group);
         });
}

void MoCoV3::after_step(const learn::Progress& progress) {
  learn::follow_student(*teacher_, *student_, options_.teacher, progress);
}

}  // namespace vistas::methods
