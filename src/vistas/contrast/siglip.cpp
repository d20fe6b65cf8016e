#include "vistas/contrast/siglip.h"

#include <ATen/ATen.h>

#include "vistas/contrast/checks.h"
#include "vistas/contrast/logits.h"
#include "vistas/contrast/pair_logits.h"
#include "vistas/contrast/precision.h"

namespace vistas::contrast {

at::Tensor siglip(const at::Tensor& q, const at::Tensor& k, const at::Tensor& log_scale,
                  const at::Tensor& bias, const SiglipOptions& options, const at::Tensor& group) {
  check_pair("siglip", q, k);
  check_scalar("siglip", "log_scale", log_scale, q);
  check_scalar("siglip", "bias", bias, q);
  const FullPrecision scope;
  if (has_pair_logits(options.similarity)) {
    if (group.defined()) check_ids("siglip", "group", group, q);
    const at::Tensor x = widen(q);
    const at::Tensor sum =
        pair_sigmoids(x, widen(k), log_scale.to(at::kDouble).exp(), bias.to(at::kDouble), group,
                      pair_options(options.similarity, options.bf16));
    return (sum / q.size(0)).to(x.scalar_type());
  }
  const at::Tensor alike = similarity(q, k, options.similarity);
  const at::Tensor scale = log_scale.to(alike.scalar_type()).exp();
  const at::Tensor s = alike * scale + bias.to(alike.scalar_type());
  const at::Tensor negatives = log1p_exp(s).masked_fill(same_thing("siglip", group, q), 0);
  const at::Tensor positives = log1p_exp(s.diagonal().neg());
  return (negatives.sum() + positives.sum()) / q.size(0);
}

}  // namespace vistas::contrast
