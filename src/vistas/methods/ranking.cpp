#include "vistas/methods/ranking.h"

#include <ATen/ATen.h>

namespace vistas::methods {

Ranking::Ranking(std::shared_ptr<learn::Encoder> encoder, const RankingOptions& options,
                 uint64_t seed)
    : student_(register_module(
          "student", std::make_shared<learn::Branch>(std::move(encoder), options.projector, seed))),
      options_(options) {}

learn::Embeddings Ranking::embed(const learn::Batch& batch) {
  return {student_->jointly(batch.views), {}};
}

at::Tensor Ranking::loss(const learn::Embeddings& embeddings, const learn::Batch& batch) {
  const auto& z = embeddings.live;
  learn::require_views(z.size(), 2, "ranking");
  std::vector<at::Tensor> columns{z[0], z[1]};
  if (z.size() > 2) columns.push_back(at::cat(std::vector<at::Tensor>(z.begin() + 2, z.end())));
  const at::Tensor group = learn::masked_groups(batch, options_.mask_groups);
  const auto rank = [&](const std::vector<at::Tensor>& x) {
    return contrast::info_nce(x[0], x[1], options_.loss, group, x.size() > 2 ? x[2] : at::Tensor());
  };
  if (options_.matryoshka.dims.empty()) return rank(columns);
  return contrast::matryoshka(columns, rank, options_.matryoshka);
}

}  // namespace vistas::methods
