#include "vistas/contrast/clip.h"

#include "vistas/contrast/info_nce.h"

namespace vistas::contrast {

at::Tensor clip_loss(const at::Tensor& q, const at::Tensor& k, const at::Tensor& log_scale,
                     const ClipOptions& options, const at::Tensor& group) {
  return info_nce_learned(
      q, k, log_scale, {.similarity = options.similarity, .symmetric = true, .bf16 = options.bf16},
      group);
}

}  // namespace vistas::contrast
