#include "vistas/contrast/n_pairs.h"

#include <ATen/ATen.h>

#include "vistas/contrast/pairs.h"
#include "vistas/contrast/precision.h"

namespace vistas::contrast {

at::Tensor n_pairs(const at::Tensor& anchor, const at::Tensor& positive,
                   const NPairsOptions& options) {
  check_alike("n_pairs", {anchor, positive});
  const FullPrecision scope;
  const at::Tensor s = similarity(anchor, positive, options.similarity);
  const at::Tensor others = at::ones_like(s, s.options().dtype(at::kBool)).fill_diagonal_(false);
  const at::Tensor loss = soft_plus(masked_log_sum_exp(s, others) - s.diagonal()).mean();
  if (options.l2 == 0) return loss;
  const at::Tensor squares = widen(anchor).square().sum(1) + widen(positive).square().sum(1);
  return loss + options.l2 / 4 * squares.mean();
}

}  // namespace vistas::contrast
