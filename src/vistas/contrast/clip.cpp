#include "vistas/contrast/clip.h"

#include <ATen/ATen.h>

#include "vistas/contrast/checks.h"
#include "vistas/contrast/logits.h"
#include "vistas/contrast/pair_logits.h"
#include "vistas/contrast/precision.h"

namespace vistas::contrast {

at::Tensor clip_loss(const at::Tensor& q, const at::Tensor& k, const at::Tensor& log_scale,
                     const ClipOptions& options, const at::Tensor& group) {
  check_pair("clip_loss", q, k);
  check_scalar("clip_loss", "log_scale", log_scale, q);
  const FullPrecision scope;
  if (has_pair_logits(options.similarity)) {
    if (group.defined()) check_ids("clip_loss", "group", group, q);
    const at::Tensor x = widen(q);
    const PairLogits s = tower_logits(x, widen(k), {}, log_scale.to(at::kDouble).exp(), group, true,
                                      pair_options(options.similarity, options.bf16));
    return diagonal_cross_entropy(s).to(x.scalar_type());
  }
  const at::Tensor s = similarity(q, k, options.similarity);
  const at::Tensor scale = log_scale.to(s.scalar_type()).exp();
  return symmetric_cross_entropy(s * scale, same_thing("clip_loss", group, q));
}

}  // namespace vistas::contrast
