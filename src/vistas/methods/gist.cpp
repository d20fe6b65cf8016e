#include "vistas/methods/gist.h"

#include <ATen/ATen.h>

namespace vistas::methods {
namespace {

// Anchors, positives and all negatives.
std::vector<at::Tensor> columns_of(const std::vector<at::Tensor>& z) {
  std::vector<at::Tensor> columns{z[0], z[1]};
  if (z.size() > 2) columns.push_back(at::cat(std::vector<at::Tensor>(z.begin() + 2, z.end())));
  return columns;
}

contrast::GistColumns named(const std::vector<at::Tensor>& columns) {
  return {columns[0], columns[1], columns.size() > 2 ? columns[2] : at::Tensor()};
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
  const contrast::GistColumns guide = named(columns_of(embeddings.fixed));
  const auto loss = [&](const std::vector<at::Tensor>& x) {
    return contrast::gist(named(x), guide, options_.loss);
  };
  const auto columns = columns_of(embeddings.live);
  if (options_.matryoshka.dims.empty()) return loss(columns);
  return contrast::matryoshka(columns, loss, options_.matryoshka);
}

int64_t Gist::negatives(int64_t batch) const {
  const contrast::GistOptions& o = options_.loss;
  return (1 + int64_t{o.contrast_anchors} + int64_t{o.contrast_positives}) * (batch - 1);
}

}  // namespace vistas::methods
