#include "vistas/methods/sim_siam.h"

#include <ATen/ATen.h>

#include "vistas/base/random.h"
#include "vistas/contrast/negative_cosine.h"
#include "vistas/methods/pairs.h"

namespace vistas::methods {

SimSiam::SimSiam(std::shared_ptr<learn::Encoder> encoder, const SimSiamOptions& options,
                 uint64_t seed)
    : student_(register_module(
          "student", std::make_shared<learn::Branch>(std::move(encoder), options.projector, seed))),
      predictor_(register_module(
          "predictor", learn::make_predictor(student_->dim(), options.predictor, mix(seed, 1)))) {}

learn::Embeddings SimSiam::embed(const learn::Batch& batch) {
  learn::Embeddings out;
  for (const at::Tensor& z : student_->apart(batch.views)) {
    out.live.push_back(predictor_->forward(z));
    out.fixed.push_back(z.detach());
  }
  return out;
}

at::Tensor SimSiam::loss(const learn::Embeddings& embeddings, const learn::Batch&) {
  const auto& [p, z] = embeddings;
  learn::require_views(p.size(), 2, "SimSiam");
  return mean_over_pairs(
      p.size(), [&](size_t a, size_t b) { return contrast::sim_siam(p[a], p[b], z[a], z[b]); });
}

bool SimSiam::keeps_peak_rate(const std::string& parameter) const {
  return parameter.starts_with("predictor.");
}

learn::Collapse SimSiam::collapse() const {
  return {.cure = "Lower schedule.lr, keep batch norm in the heads, or use a larger batch"};
}

}  // namespace vistas::methods
