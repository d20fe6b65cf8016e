// Learning to find objects: what every place of a detector should answer, and the loss. Tian et
// al., "FCOS: fully convolutional one-stage object detection", ICCV 2019; centre sampling and
// distances in strides from the version of TPAMI 2020.
#pragma once

#include <memory>
#include <vector>

#include "vistas/base/options.h"
#include "vistas/learn/method.h"
#include "vistas/vision/encoders/dense_network.h"

namespace vistas::vision {

struct FcosOptions {
  double focal_alpha = 0.25;
  double focal_gamma = 2;
  double radius = 1.5;
  double box_weight = 1;

  void fields(Fields& f);
};

// Boxes of a batch, [B, M, 5]: label, left, top, right, bottom in pixels. Rows with a label of -1
// are none; one of -2 is a region where objects may be: places in it learn nothing.
inline constexpr int64_t kNoBox = -1, kRegion = -2;

// What the P places of a batch should answer.
struct PlaceTargets {
  at::Tensor label;  // [B, P] int64; -1: no object; -2: does not count
  at::Tensor sides;  // [B, P, 4]: left, top, right, bottom, in pixels; 0 without an object
};

// A place answers for a box if it is in it and at most radius strides from its middle (in x and in
// y), and if the farthest side is as far as its level is for: at most 8 strides, and more than 4;
// the finest level takes all smaller ones, the coarsest all larger ones. Of several boxes the
// smallest counts. Place (x, y) of a level is at ((x + 1/2) stride, (y + 1/2) stride).
PlaceTargets assign_places(const std::vector<Level>& levels, const at::Tensor& boxes,
                           double radius);

// The middles of the places, [P, 2] (x, y), and the stride of each, [P].
struct Places {
  at::Tensor middle, stride;
};
Places places_of(const std::vector<Level>& levels);

// sqrt(min(l, r) / max(l, r) min(t, b) / max(t, b)) of sides [..., 4].
at::Tensor centreness_of(const at::Tensor& sides);

// Sum over all elements of -alpha_t (1 - p_t)^gamma log p_t, p_t the probability of what is right.
// Lin et al., "Focal loss for dense object detection", ICCV 2017, eq. 5. `target` is 0 or 1.
at::Tensor focal_loss(const at::Tensor& logits, const at::Tensor& target, double alpha,
                      double gamma);

// 1 - GIoU of boxes given by their sides' distances from a common place, [N, 4] each -> [N].
// Rezatofighi et al., "Generalized intersection over union", CVPR 2019.
at::Tensor giou_loss(const at::Tensor& sides, const at::Tensor& target);

// The loss is the sum of three: focal loss of the classes over all places that count, divided by
// the number of places with an object (at least 1); box_weight times the mean of 1 - GIoU weighted
// with the right centre-ness; binary cross-entropy of the centre-ness, mean over places with an
// object. All are over the whole batch.
class Fcos : public learn::Method {
 public:
  // A usage error unless `encoder` is a Detector.
  Fcos(const std::shared_ptr<learn::Encoder>& encoder, const FcosOptions& options, uint64_t seed);

  // live[0]: the detector's answers; fixed[0]: the boxes of the batch.
  learn::Embeddings embed(const learn::Batch& batch) override;
  at::Tensor loss(const learn::Embeddings& embeddings, const learn::Batch& batch) override;
  std::shared_ptr<learn::Encoder> encoder() const override { return detector_; }
  int64_t negatives(int64_t) const override { return 0; }
  learn::Collapse collapse() const override { return {.possible = false}; }

 private:
  std::shared_ptr<Detector> detector_;
  FcosOptions options_;
  std::vector<Level> levels_;  // of the batch at hand
};

}  // namespace vistas::vision
