#include "vistas/methods/gist.h"

#include <ATen/ATen.h>

namespace vistas::methods {
namespace {

contrast::GistColumns columns_of(const std::vector<at::Tensor>& z) {
  contrast::GistColumns columns{z[0], z[1]};
  if (z.size() > 2) {
    columns.negative = at::cat(std::vector<at::Tensor>(z.begin() + 2, z.end()));
  }
  return columns;
}

}  // namespace

Gist::Gist(std::shared_ptr<learn::Encoder> encoder, const GistOptions& options, uint64_t seed)
    : student_(register_module(
          "student", std::make_shared<learn::Branch>(std::move(encoder), options.projector, seed))),
      options_(options) {}

learn::Embeddings Gist::embed(const learn::Batch& batch) {
  return {student_->jointly(batch.views), learn::teacher_embeddings(batch, "gist")};
}

at::Tensor Gist::loss(const learn::Embeddings& embeddings, const learn::Batch&) {
  learn::require_views(embeddings.live.size(), 2, "gist");
  return contrast::gist(columns_of(embeddings.live), columns_of(embeddings.fixed), options_.loss);
}

int64_t Gist::negatives(int64_t batch) const {
  const contrast::GistOptions& o = options_.loss;
  return (1 + int64_t{o.contrast_anchors} + int64_t{o.contrast_positives}) * (batch - 1);
}

}  // namespace vistas::methods
