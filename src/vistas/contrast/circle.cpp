#include "vistas/contrast/circle.h"

#include <ATen/ATen.h>

#include "vistas/contrast/pairs.h"
#include "vistas/contrast/precision.h"

namespace vistas::contrast {

at::Tensor circle(const at::Tensor& z, const at::Tensor& labels, const CircleOptions& options) {
  check_alike("circle", {z});
  check_labels("circle", labels, z);
  const FullPrecision scope;
  const double m = options.margin;
  const auto [positive, negative] = label_pairs(labels);
  const at::Tensor s = similarity(z, z, options.similarity);
  const at::Tensor fixed = s.detach();
  const at::Tensor pull = at::relu(1 + m - fixed) * (1 - m - s);
  const at::Tensor push = at::relu(fixed + m) * (s - m);
  const at::Tensor terms = soft_plus(masked_log_sum_exp(options.gamma * pull, positive) +
                                     masked_log_sum_exp(options.gamma * push, negative));
  const at::Tensor rows = positive.any(1) & negative.any(1);
  return terms.sum() / rows.sum().clamp_min(1);  // the terms of the other rows are 0
}

}  // namespace vistas::contrast
