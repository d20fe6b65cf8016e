#include "vistas/contrast/sup_con.h"

#include <ATen/ATen.h>

#include "vistas/contrast/checks.h"
#include "vistas/contrast/logits.h"
#include "vistas/contrast/pair_logits.h"
#include "vistas/contrast/precision.h"

namespace vistas::contrast {
namespace {

// s [N, N] are logits, same [N, N] says which rows have the same label.
at::Tensor loss_of_logits(const at::Tensor& s, const at::Tensor& same, SupConVariant variant) {
  const at::Tensor positive = same.clone().fill_diagonal_(false);
  const at::Tensor count = positive.sum(1);
  const at::Tensor anchors = count > 0;
  const auto positives = [&] {
    return log_sum_exp(s, positive.logical_not()).masked_fill(~anchors, 0);
  };
  // -log of the sum of p(i, j) over the positives.
  const at::Tensor sum = log1p_exp(log_sum_exp(s, same) - positives());
  const at::Tensor divisor = count.clamp_min(1).to(s.scalar_type());
  if (variant == SupConVariant::in) return mean_where(anchors, sum + divisor.log());
  // The difference first, and from a node of its own: of one positive it and its gradient are
  // exactly 0, beside which those of `sum` keep their digits however small.
  const at::Tensor spread = positives() - at::where(positive, s, 0).sum(1) / divisor;
  return mean_where(anchors, sum + spread);
}

at::Tensor plain_loss(const at::Tensor& z, const at::Tensor& labels, const SupConOptions& options) {
  if (has_pair_logits(options.similarity) && options.variant == SupConVariant::out) {
    const at::Tensor x = widen(z);
    const PairLogits s = label_logits(x, labels, 1 / options.temperature,
                                      pair_options(options.similarity, options.bf16));
    const at::Tensor positives = others_of_label(labels), loss = s.rows - s.target;
    return mean_where(positives > 0, at::where(positives == 1, log1p_exp(loss), loss))
        .to(x.scalar_type());
  }
  const at::Tensor s = similarity(z, z, options.similarity) / options.temperature;
  return loss_of_logits(s, labels.unsqueeze(1) == labels, options.variant);
}

}  // namespace

at::Tensor sup_con(const at::Tensor& z, const at::Tensor& labels, const SupConOptions& options) {
  check_rows("sup_con", z);
  check_ids("sup_con", "labels", labels, z);
  check_positive("sup_con", "temperature", options.temperature);
  const FullPrecision scope;
  const at::Tensor loss = plain_loss(z, labels, options);
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
