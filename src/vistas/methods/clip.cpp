#include "vistas/methods/clip.h"

#include <ATen/ATen.h>

#include "vistas/base/error.h"
#include "vistas/base/random.h"

namespace vistas::methods {

Clip::Clip(std::shared_ptr<learn::Encoder> first, std::shared_ptr<learn::Encoder> second,
           const ClipOptions& options, uint64_t seed)
    : first_(register_module(
          "first", std::make_shared<learn::Branch>(std::move(first), options.projector, seed))),
      second_(register_module("second", std::make_shared<learn::Branch>(
                                            std::move(second), options.projector, mix(seed, 1)))),
      options_(options),
      log_scale_(register_parameter("log_scale", options.temperature.log_scale())) {}

learn::Embeddings Clip::embed(const learn::Batch& batch) {
  if (batch.views.size() != 2) {
    throw Error(ErrorKind::usage, {.what = "CLIP: views of a sample",
                                   .got = std::to_string(batch.views.size()),
                                   .expected = "2, one for each tower"});
  }
  return {{first_->forward(batch.views[0]), second_->forward(batch.views[1])}, {}};
}

at::Tensor Clip::loss(const learn::Embeddings& embeddings, const learn::Batch& batch) {
  return contrast::clip_loss(embeddings.live[0], embeddings.live[1], log_scale_, options_.loss,
                             learn::masked_groups(batch, options_.mask_groups));
}

void Clip::after_step(const learn::Progress&) {
  options_.temperature.clamp_(log_scale_);
}

}  // namespace vistas::methods
