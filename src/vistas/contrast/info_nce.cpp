#include "vistas/contrast/info_nce.h"

#include <ATen/ATen.h>

#include "vistas/contrast/checks.h"
#include "vistas/contrast/logits.h"
#include "vistas/contrast/pair_logits.h"
#include "vistas/contrast/precision.h"

namespace vistas::contrast {

at::Tensor info_nce(const at::Tensor& q, const at::Tensor& k, const InfoNceOptions& options,
                    const at::Tensor& group, const at::Tensor& negatives) {
  check_pair("info_nce", q, k);
  if (negatives.defined()) check_comparable("info_nce", q, negatives);
  check_positive("info_nce", "temperature", options.temperature);
  const FullPrecision scope;
  if (has_pair_logits(options.similarity)) {
    if (group.defined()) check_ids("info_nce", "group", group, q);
    const at::Tensor x = widen(q);
    const PairLogits s =
        tower_logits(x, widen(k), negatives.defined() ? widen(negatives) : negatives,
                     pair_scale(options.temperature), group, options.symmetric,
                     pair_options(options.similarity, options.bf16));
    return diagonal_cross_entropy(s).to(x.scalar_type());
  }
  const at::Tensor same = same_thing("info_nce", group, q);
  const at::Tensor candidates = negatives.defined() ? at::cat({k, negatives}) : k;
  const at::Tensor s = similarity(q, candidates, options.similarity) / options.temperature;
  const at::Tensor loss = diagonal_cross_entropy(s, same);
  if (!options.symmetric) return loss;
  return (loss + diagonal_cross_entropy(s.narrow(1, 0, q.size(0)).t(), same)) / 2;
}

at::Tensor info_nce_queue(const at::Tensor& q, const at::Tensor& k, const at::Tensor& queue,
                          const QueueInfoNceOptions& options) {
  check_pair("info_nce_queue", q, k);
  check_comparable("info_nce_queue", q, queue);
  check_positive("info_nce_queue", "temperature", options.temperature);
  const FullPrecision scope;
  if (has_pair_logits(options.similarity)) {
    const at::Tensor x = widen(q);
    const PairLogits s = queue_logits(x, widen(k), widen(queue), pair_scale(options.temperature),
                                      pair_options(options.similarity, options.bf16));
    return diagonal_cross_entropy(s).to(x.scalar_type());
  }
  const at::Tensor target = row_similarity(q, k.detach(), options.similarity) / options.temperature;
  const at::Tensor s = similarity(q, queue.detach(), options.similarity) / options.temperature;
  return log1p_exp(log_sum_exp(s) - target).mean();
}

}  // namespace vistas::contrast
