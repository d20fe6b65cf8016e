// Learning which class every pixel shows: cross-entropy, mean over the pixels that count. Long et
// al., "Fully convolutional networks for semantic segmentation", CVPR 2015.
#pragma once

#include <memory>
#include <vector>

#include "vistas/base/options.h"
#include "vistas/learn/method.h"
#include "vistas/vision/encoders/dense_network.h"

namespace vistas::vision {

// In masks: pixels that do not count.
inline constexpr int64_t kNoClass = 255;

struct SegmentationOptions {
  double label_smoothing = 0;

  void fields(Fields& f) {
    f.add("label_smoothing", label_smoothing, "share of the truth that all classes share", {0, 1});
  }
};

// Logits are brought to the size of the mask bilinearly before they are compared.
class Segmentation : public learn::Method {
 public:
  // A usage error unless `encoder` is a Segmenter.
  Segmentation(const std::shared_ptr<learn::Encoder>& encoder, const SegmentationOptions& options,
               uint64_t seed);

  // live[0]: logits [B, C, h, w]; fixed[0]: the mask [B, H, W].
  learn::Embeddings embed(const learn::Batch& batch) override;
  at::Tensor loss(const learn::Embeddings& embeddings, const learn::Batch& batch) override;
  std::shared_ptr<learn::Encoder> encoder() const override { return segmenter_; }
  int64_t negatives(int64_t) const override { return 0; }
  learn::Collapse collapse() const override { return {.possible = false}; }

 private:
  std::shared_ptr<Segmenter> segmenter_;
  SegmentationOptions options_;
};

}  // namespace vistas::vision
