#include "vistas/methods/sup_con.h"

#include <ATen/ATen.h>

namespace vistas::methods {

SupCon::SupCon(std::shared_ptr<learn::Encoder> encoder, const SupConOptions& options, uint64_t seed)
    : student_(register_module(
          "student", std::make_shared<learn::Branch>(std::move(encoder), options.projector, seed))),
      loss_(options.loss) {}

learn::Embeddings SupCon::embed(const learn::Batch& batch) {
  return {student_->jointly(batch.views), {}};
}

at::Tensor SupCon::loss(const learn::Embeddings& embeddings, const learn::Batch& batch) {
  const at::Tensor& labels = learn::labels_of(batch, "SupCon");
  const auto views = static_cast<int64_t>(embeddings.live.size());
  return contrast::sup_con(at::cat(embeddings.live), labels.repeat({views}), loss_);
}

}  // namespace vistas::methods
