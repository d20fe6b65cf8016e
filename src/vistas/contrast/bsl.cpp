#include "vistas/contrast/bsl.h"

#include <ATen/ATen.h>

#include "vistas/contrast/checks.h"
#include "vistas/contrast/logits.h"
#include "vistas/contrast/pair_logits.h"
#include "vistas/contrast/precision.h"

namespace vistas::contrast {
namespace {

// target and rows of all logits, from the matrix.
PairLogits dense_logits(const at::Tensor& q, const at::Tensor& items, const BslOptions& options,
                        const at::Tensor& group) {
  const at::Tensor s = similarity(q, items, options.similarity) / options.temperature;
  return {s.diagonal(), log_sum_exp(s, same_thing("bsl", group, q)), {}};
}

}  // namespace

at::Tensor bsl(const at::Tensor& q, const at::Tensor& items, const BslOptions& options,
               const at::Tensor& group) {
  check_pair("bsl", q, items);
  check_positive("bsl", "temperature", options.temperature);
  check_positive("bsl", "exponent", options.exponent);
  if (group.defined()) check_ids("bsl", "group", group, q);
  const FullPrecision scope;
  const at::Tensor x = widen(q);
  const PairLogits s =
      has_pair_logits(options.similarity)
          ? tower_logits(x, widen(items), {}, pair_scale(options.temperature), group,
                         /*columns=*/false, pair_options(options.similarity, options.bf16))
          : dense_logits(x, widen(items), options, group);
  const at::Tensor pushed = s.rows.masked_fill(s.rows.isinf(), 0);
  return (options.exponent * pushed - s.target).mean().to(x.scalar_type());
}

}  // namespace vistas::contrast
