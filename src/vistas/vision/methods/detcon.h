// DetCon: regions of a picture are told apart instead of pictures. Henaff et al., "Efficient visual
// pretraining with contrastive detection", ICCV 2021, the variant S, which builds on SimCLR.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

#include "vistas/base/options.h"
#include "vistas/contrast/nt_xent.h"
#include "vistas/learn/method.h"
#include "vistas/learn/projector.h"
#include "vistas/vision/encoders/image_encoder.h"

namespace vistas::vision {

struct DetConOptions {
  contrast::NtXentOptions loss{.temperature = 0.1};
  int64_t regions = 16;
  learn::ProjectorOptions projector{};

  void fields(Fields& f) {
    loss.fields(f);
    f.add("regions", regions, "of a picture that are compared at most, drawn anew each time",
          {1, 254});
    f.group("projector", projector);
  }
};

// How much of each place of an h x w map each of `count` regions has: the share of the cells of
// `regions` [B, H, W] (uint8) that fall on it, [B, count, h w].
at::Tensor region_shares(const at::Tensor& regions, int64_t count, int64_t height, int64_t width);

// A region's feature is the mean of the last map, weighted with its shares of the places; a
// projector makes the embedding. The loss is NT-Xent over all regions of the batch that both views
// show: the same region in the other view attracts, all other regions of this and other pictures,
// in both views, repel.
class DetCon : public learn::Method {
 public:
  // A usage error unless `encoder` is a MapEncoder: a ResNet without a neck.
  DetCon(const std::shared_ptr<learn::Encoder>& encoder, const DetConOptions& options,
         uint64_t seed);

  // Views with "pixels" and "regions" [B, H, W] uint8: 0 .. regions - 1, those that all views
  // show, and 255 elsewhere. live: the embeddings of the n regions in each view, [n, D].
  learn::Embeddings embed(const learn::Batch& batch) override;
  at::Tensor loss(const learn::Embeddings& embeddings, const learn::Batch& batch) override;
  std::shared_ptr<learn::Encoder> encoder() const override { return encoder_; }
  // As many as there can be.
  int64_t negatives(int64_t batch) const override { return 2 * batch * options_.regions - 2; }

 private:
  std::shared_ptr<MapEncoder> encoder_;
  std::shared_ptr<learn::Projector> projector_;
  DetConOptions options_;
};

}  // namespace vistas::vision
