#include "vistas/vision/methods/segmentation.h"

#include <ATen/ATen.h>

#include "vistas/base/error.h"

namespace vistas::vision {

Segmentation::Segmentation(const std::shared_ptr<learn::Encoder>& encoder,
                           const SegmentationOptions& options, uint64_t)
    : segmenter_(std::dynamic_pointer_cast<Segmenter>(encoder)), options_(options) {
  if (!segmenter_) {
    throw Error(ErrorKind::usage, {.what = "method.name",
                                   .got = "segmentation, for an encoder without a map of classes",
                                   .expected = "data.modality = \"masks\"",
                                   .fix = "Use `vistas segment train`"});
  }
  register_module("segmenter", segmenter_);
}

learn::Embeddings Segmentation::embed(const learn::Batch& batch) {
  const learn::Inputs& view = batch.views.front();
  return {{segmenter_->forward(view.at("pixels"))}, {view.at("mask")}};
}

at::Tensor Segmentation::loss(const learn::Embeddings& embeddings, const learn::Batch&) {
  const at::Tensor mask = embeddings.fixed.front().to(at::kLong);
  const at::Tensor logits =
      at::upsample_bilinear2d(embeddings.live.front(), {mask.size(1), mask.size(2)}, false);
  // A batch without a pixel that counts has a loss of 0, not 0 / 0.
  if (mask.eq(kNoClass).all().item<bool>()) return logits.sum() * 0;
  return at::cross_entropy_loss(logits, mask, {}, at::Reduction::Mean, kNoClass,
                                options_.label_smoothing);
}

}  // namespace vistas::vision
