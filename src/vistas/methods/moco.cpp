#include "vistas/methods/moco.h"

#include <ATen/ATen.h>

#include "vistas/base/random.h"

namespace vistas::methods {

MoCo::MoCo(std::shared_ptr<learn::Encoder> encoder, std::shared_ptr<learn::Encoder> teacher,
           const MoCoOptions& options, uint64_t seed)
    : student_(register_module(
          "student", std::make_shared<learn::Branch>(std::move(encoder), options.projector, seed))),
      teacher_(register_module(
          "teacher", std::make_shared<learn::Branch>(std::move(teacher), options.projector, seed))),
      options_(options) {
  learn::start_teacher(*teacher_, *student_);
  learn::split_batch_norm(*this, options.batch_norm_splits);
  queue_.emplace(options.queue, student_->dim(), mix(seed, 1));
  register_buffer("queue", queue_->rows());
  register_buffer("queue_pushed", queue_->pushed());
}

at::Tensor MoCo::keys(const learn::Inputs& view, uint64_t key) {
  const at::NoGradGuard no_grad;
  if (options_.batch_norm_splits == 1) return teacher_->forward(view);
  const at::Tensor order = at::tensor(Draws({.seed = key}).permutation(view.rows()))
                               .to(view.tensors.front().second.device());
  return teacher_->forward(view.select(order)).index_select(0, order.argsort());
}

learn::Embeddings MoCo::embed(const learn::Batch& batch) {
  const auto& views = batch.views;
  learn::require_views(views.size(), 2, "MoCo");
  learn::Embeddings out;
  out.live.push_back(student_->forward(views[0]));
  if (options_.symmetric) out.live.push_back(student_->forward(views[1]));
  if (replaying()) return out;
  out.fixed.push_back(keys(views[1], batch.key));
  if (options_.symmetric) out.fixed.push_back(keys(views[0], mix(batch.key, 1)));
  return out;
}

at::Tensor MoCo::loss(const learn::Embeddings& embeddings, const learn::Batch&) {
  new_keys_ = embeddings.fixed;
  at::Tensor sum;
  for (size_t i = 0; i < embeddings.live.size(); ++i) {
    const at::Tensor term = contrast::info_nce_queue(embeddings.live[i], embeddings.fixed[i],
                                                     queue_->rows(), options_.loss);
    sum = sum.defined() ? sum + term : term;
  }
  return sum / static_cast<int64_t>(embeddings.live.size());
}

void MoCo::after_step(const learn::Progress& progress) {
  learn::follow_student(*teacher_, *student_, options_.teacher, progress);
  for (const at::Tensor& k : new_keys_) queue_->push(k);
}

}  // namespace vistas::methods
