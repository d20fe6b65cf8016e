#include "vistas/contrast/sup_con.h"

#include <ATen/ATen.h>

#include "vistas/contrast/checks.h"
#include "vistas/contrast/logits.h"
#include "vistas/contrast/precision.h"

namespace vistas::contrast {
namespace {

// s [N, N] are logits, same [N, N] says which rows have the same label.
at::Tensor loss_of_logits(const at::Tensor& s, const at::Tensor& same, SupConVariant variant) {
  const at::Tensor positive = same.clone().fill_diagonal_(false);
  const at::Tensor count = positive.sum(1);
  const at::Tensor anchors = count > 0;
  // -log of the sum of p(i, j) over the positives is log1p_exp(negatives - positives).
  const at::Tensor positives = log_sum_exp(s, positive.logical_not()).masked_fill(~anchors, 0);
  const at::Tensor all = log1p_exp(log_sum_exp(s, same) - positives);
  const at::Tensor divisor = count.clamp_min(1).to(s.scalar_type());
  if (variant == SupConVariant::in) return mean_where(anchors, all + divisor.log());
  const at::Tensor mean = at::where(positive, s, 0).sum(1) / divisor;
  // The difference first: it is exactly 0 for one positive, where `all` may be tiny.
  return mean_where(anchors, all + (positives - mean));
}

}  // namespace

at::Tensor sup_con(const at::Tensor& z, const at::Tensor& labels, const SupConOptions& options) {
  check_rows("sup_con", z);
  check_ids("sup_con", "labels", labels, z);
  check_positive("sup_con", "temperature", options.temperature);
  const FullPrecision scope;
  const at::Tensor s = similarity(z, z, options.similarity) / options.temperature;
  const at::Tensor loss = loss_of_logits(s, labels.unsqueeze(1) == labels, options.variant);
  if (options.base_temperature == 0) return loss;
  check_positive("sup_con", "base_temperature", options.base_temperature);
  return loss * (options.temperature / options.base_temperature);
}

at::Tensor sup_con(const at::Tensor& z_a, const at::Tensor& z_b, const at::Tensor& labels,
                   const SupConOptions& options) {
  check_pair("sup_con", z_a, z_b);
  check_ids("sup_con", "labels", labels, z_a);
  return sup_con(at::cat({z_a, z_b}), labels.repeat(2), options);
}

}  // namespace vistas::contrast
