// An encoder with its projector: from views to the embeddings that a loss compares.
#pragma once

#include <torch/nn/module.h>

#include <memory>
#include <vector>

#include "vistas/learn/encoder.h"
#include "vistas/learn/projector.h"

namespace vistas::learn {

class Branch : public torch::nn::Module {
 public:
  // The weights of the projector are drawn from `seed`.
  Branch(std::shared_ptr<Encoder> encoder, const ProjectorOptions& options, uint64_t seed);

  at::Tensor forward(const Inputs& view);  // [B, dim()]

  // One embedding a view. Apart, batch norm sees the views one after the other; jointly, runs of
  // views that fit each other go through as one batch.
  std::vector<at::Tensor> apart(const std::vector<Inputs>& views);
  std::vector<at::Tensor> jointly(const std::vector<Inputs>& views);

  const std::shared_ptr<Encoder>& encoder() const { return encoder_; }
  int64_t dim() const { return projector_->dim(); }

 private:
  std::shared_ptr<Encoder> encoder_;
  std::shared_ptr<Projector> projector_;
};

// The number of views at the front that fit the first one: the large crops of multi-crop.
size_t leading_views(const std::vector<Inputs>& views);

// A usage error that names the method unless there are `least` views or more.
void require_views(size_t views, size_t least, const std::string& method);

}  // namespace vistas::learn
