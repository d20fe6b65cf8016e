// DenseCL: MoCo, and beside it the same for every place of the feature map, so that places can be
// told apart. Wang et al., "Dense contrastive learning for self-supervised visual pre-training",
// CVPR 2021.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>
#include <vector>

#include "vistas/base/options.h"
#include "vistas/contrast/info_nce.h"
#include "vistas/contrast/queue.h"
#include "vistas/learn/method.h"
#include "vistas/learn/projector.h"
#include "vistas/learn/teacher.h"
#include "vistas/vision/encoders/image_encoder.h"

namespace vistas::vision {

struct DenseClOptions {
  contrast::QueueInfoNceOptions loss{.temperature = 0.2};
  double dense_weight = 0.5;
  double dense_from = 0.01;
  int64_t queue = 65536;
  int64_t batch_norm_splits = 8;
  learn::TeacherOptions teacher{.momentum = 0.999, .final_momentum = 0.999};
  learn::ProjectorOptions projector{.norm = false, .last_norm = false};

  void fields(Fields& f);
};

// A network with two heads: on the mean of its last map, and on every place of it.
class DenseBranch : public torch::nn::Module {
 public:
  DenseBranch(std::shared_ptr<MapEncoder> encoder, const learn::ProjectorOptions& options,
              uint64_t seed);

  // Of a view [B, C, H, W] with P places in the last map.
  struct Output {
    at::Tensor whole;   // [B, D]
    at::Tensor places;  // [B, P, D]
    at::Tensor map;     // [B, P, F], the features themselves
  };
  Output forward(const at::Tensor& pixels);

  const std::shared_ptr<MapEncoder>& encoder() const { return encoder_; }
  int64_t dim() const { return whole_->dim(); }

 private:
  std::shared_ptr<MapEncoder> encoder_;
  std::shared_ptr<learn::Projector> whole_, places_;
};

// For every place of a map [B, P, F] the most similar one (cosine) of `other` [B, Q, F]: [B, P].
// Equation 2 of the paper; equal ones: the first.
at::Tensor matching_places(const at::Tensor& map, const at::Tensor& other);

//   loss = (1 - w) InfoNCE(q, k, queue) + w InfoNCE(q_i, k_match(i), queue of places)
//
// The first view is the query, the second the key, made by the teacher. Places match by the
// backbone's features; the second queue holds the means of the keys' places. Both terms are means,
// the second over all places of the batch. w is 0 for the first `dense_from` of the run, as the
// matches are worth nothing before, and then dense_weight.
class DenseCl : public learn::Method {
 public:
  // A usage error unless the encoders are MapEncoders: ResNets without a neck.
  DenseCl(const std::shared_ptr<learn::Encoder>& encoder,
          const std::shared_ptr<learn::Encoder>& teacher, const DenseClOptions& options,
          uint64_t seed);

  // live: the query and its places [B, P, D]; fixed: the key, the matches [B, P, D], the mean of
  // the key's places.
  learn::Embeddings embed(const learn::Batch& batch) override;
  at::Tensor loss(const learn::Embeddings& embeddings, const learn::Batch& batch) override;
  void after_step(const learn::Progress& progress) override;
  std::shared_ptr<learn::Encoder> encoder() const override { return student_->encoder(); }
  int64_t negatives(int64_t) const override { return options_.queue; }
  int64_t remembered() const override { return options_.queue; }

 private:
  DenseBranch::Output key(const learn::Inputs& view, uint64_t key);

  std::shared_ptr<DenseBranch> student_, teacher_;
  DenseClOptions options_;
  std::optional<contrast::Queue> queue_, places_queue_;
  at::Tensor new_key_, new_mean_;  // of the step at hand
};

}  // namespace vistas::vision
