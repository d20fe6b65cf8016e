// A loss and a method of our own: the spectral contrastive loss. HaoChen et al., "Provable
// guarantees for self-supervised deep learning with spectral contrastive loss", NeurIPS 2021.
#pragma once

#include <memory>

#include "vistas/base/options.h"
#include "vistas/learn/method.h"
#include "vistas/learn/projector.h"

namespace extend {

struct SpectralOptions {
  double radius = 2;

  void fields(vistas::Fields& f) {
    f.add("radius", radius, "length that the embeddings are scaled to", {1e-3, 1e3});
  }
};

// With the rows a_i of z_a and b_i of z_b [N, D], N > 1, scaled to length `radius`:
//
//   loss = -2 mean_i a_i b_i + mean_{i != j} (a_i b_j)^2
//
// Returns a scalar; throws a usage error for shapes, types or devices that do not match.
at::Tensor spectral_loss(const at::Tensor& z_a, const at::Tensor& z_b,
                         const SpectralOptions& options = {});

// What a recipe says below [method].
struct SpectralMethodOptions {
  SpectralOptions loss;
  vistas::learn::ProjectorOptions projector;

  void fields(vistas::Fields& f) {
    loss.fields(f);
    f.group("projector", projector);
  }
};

// The loss between the projections of two views.
class SpectralMethod : public vistas::learn::Method {
 public:
  SpectralMethod(std::shared_ptr<vistas::learn::Encoder> encoder,
                 const SpectralMethodOptions& options, uint64_t seed);

  vistas::learn::Embeddings embed(const vistas::learn::Batch& batch) override;
  at::Tensor loss(const vistas::learn::Embeddings& embeddings,
                  const vistas::learn::Batch& batch) override;
  std::shared_ptr<vistas::learn::Encoder> encoder() const override { return encoder_; }
  int64_t negatives(int64_t batch) const override { return batch - 1; }

 private:
  std::shared_ptr<vistas::learn::Encoder> encoder_;
  std::shared_ptr<vistas::learn::Projector> projector_;
  SpectralOptions loss_;
};

}  // namespace extend
