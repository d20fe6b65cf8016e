#include "vistas/vision/methods/detcon.h"

#include <ATen/ATen.h>

#include "vistas/base/error.h"

namespace vistas::vision {

at::Tensor region_shares(const at::Tensor& regions, int64_t count, int64_t height, int64_t width) {
  const at::Tensor numbers = at::arange(count, regions.options()).view({1, -1, 1, 1});
  const at::Tensor shown = regions.unsqueeze(1).eq(numbers).to(at::kFloat);
  return at::adaptive_avg_pool2d(shown, {height, width}).flatten(2);
}

DetCon::DetCon(const std::shared_ptr<learn::Encoder>& encoder, const DetConOptions& options,
               uint64_t seed)
    : encoder_(std::dynamic_pointer_cast<MapEncoder>(encoder)), options_(options) {
  if (!encoder_) {
    throw Error(ErrorKind::usage, {.what = "encoder.name: DetCon compares regions of a map",
                                   .got = "an encoder without one",
                                   .expected = "resnet18, resnet34 or resnet50 without a neck"});
  }
  register_module("encoder", encoder_);
  projector_ = register_module(
      "projector", std::make_shared<learn::Projector>(encoder_->dim(), options.projector, seed));
}

learn::Embeddings DetCon::embed(const learn::Batch& batch) {
  if (batch.views.size() < 2) {
    throw Error(ErrorKind::usage, {.what = "DetCon: views of a sample",
                                   .got = "1",
                                   .expected = "2 or more",
                                   .fix = "Choose a view recipe that makes them: "
                                          "--set views.recipe=simclr"});
  }
  std::vector<at::Tensor> features;
  at::Tensor rows;
  for (size_t v = 0; v < 2; ++v) {
    const at::Tensor map = encoder_->map(batch.views[v].at("pixels"));  // [B, F, h, w]
    const at::Tensor shares =
        region_shares(batch.views[v].at("regions"), options_.regions, map.size(2), map.size(3))
            .to(at::promoteTypes(map.scalar_type(), at::kFloat));
    const at::Tensor area = shares.sum(2, true);  // [B, M, 1]
    // Both views show the same regions, so the first one says which there are.
    if (v == 0) rows = area.flatten().gt(0).nonzero().view(-1);
    const at::Tensor mean =
        at::bmm(shares, map.flatten(2).transpose(1, 2).to(shares.scalar_type())) /
        area.clamp_min(1e-12);
    features.push_back(mean.flatten(0, 1).index_select(0, rows));
  }
  return {{projector_->forward(features[0]), projector_->forward(features[1])}, {}};
}

at::Tensor DetCon::loss(const learn::Embeddings& embeddings, const learn::Batch&) {
  const at::Tensor &a = embeddings.live[0], &b = embeddings.live[1];
  // Nothing that both views show: a mean over nothing is not a number.
  if (a.size(0) == 0) return (a.sum() + b.sum()) * 0;
  return contrast::nt_xent(a, b, options_.loss);
}

}  // namespace vistas::vision
