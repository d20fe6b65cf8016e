#include "spectral.h"

#include <ATen/ATen.h>

#include "vistas/base/error.h"
#include "vistas/contrast/checks.h"
#include "vistas/contrast/similarity.h"

namespace extend {

namespace contrast = vistas::contrast;
namespace learn = vistas::learn;

at::Tensor spectral_loss(const at::Tensor& z_a, const at::Tensor& z_b,
                         const SpectralOptions& options) {
  contrast::check_pair("spectral_loss", z_a, z_b);
  const at::Tensor a = contrast::unit_rows(z_a) * options.radius;
  const at::Tensor b = contrast::unit_rows(z_b) * options.radius;
  const at::Tensor products = at::mm(a, b.t());
  const at::Tensor own = products.diagonal();
  const int64_t n = products.size(0);
  return (products.square().sum() - own.square().sum()) / (n * (n - 1)) - 2 * own.mean();
}

SpectralMethod::SpectralMethod(std::shared_ptr<learn::Encoder> encoder,
                               const SpectralMethodOptions& options, uint64_t seed)
    : encoder_(register_module("encoder", std::move(encoder))),
      projector_(register_module("projector", std::make_shared<learn::Projector>(
                                                  encoder_->dim(), options.projector, seed))),
      loss_(options.loss) {}

learn::Embeddings SpectralMethod::embed(const learn::Batch& batch) {
  learn::Embeddings out;
  for (const learn::Inputs& view : batch.views) {
    out.live.push_back(projector_->forward(encoder_->forward(view)));
  }
  return out;
}

at::Tensor SpectralMethod::loss(const learn::Embeddings& embeddings, const learn::Batch&) {
  const auto& z = embeddings.live;
  if (z.size() != 2) {
    throw vistas::Error(vistas::ErrorKind::usage, {.what = "spectral compares two views",
                                                   .got = std::to_string(z.size()),
                                                   .fix = "Choose a view recipe with two"});
  }
  return spectral_loss(z[0], z[1], loss_);
}

}  // namespace extend
