#include "vistas/contrast/info_nce.h"

#include <ATen/ATen.h>

#include "vistas/contrast/checks.h"
#include "vistas/contrast/logits.h"
#include "vistas/contrast/pair_logits.h"
#include "vistas/contrast/precision.h"

namespace vistas::contrast {

namespace {

// `scale` is 1 / T, float64.
at::Tensor cross_entropy_of_keys(const char* name, const at::Tensor& q, const at::Tensor& k,
                                 const at::Tensor& scale, const LearnedInfoNceOptions& options,
                                 const at::Tensor& group, const at::Tensor& negatives,
                                 double margin = 0) {
  if (negatives.defined()) check_comparable(name, q, negatives);
  if (has_pair_logits(options.similarity)) {
    if (group.defined()) check_ids(name, "group", group, q);
    const at::Tensor x = widen(q);
    PairLogits s =
        tower_logits(x, widen(k), negatives.defined() ? widen(negatives) : negatives, scale, group,
                     options.symmetric, pair_options(options.similarity, options.bf16));
    if (margin > 0) s.target = s.target - margin * scale;
    return diagonal_cross_entropy(s).to(x.scalar_type());
  }
  const at::Tensor same = same_thing(name, group, q);
  const at::Tensor candidates = negatives.defined() ? at::cat({k, negatives}) : k;
  at::Tensor likeness = similarity(q, candidates, options.similarity);
  if (margin > 0)
    likeness = likeness - margin * at::eye(q.size(0), candidates.size(0), likeness.options());
  const at::Tensor s = likeness * scale.to(likeness.scalar_type());
  const at::Tensor loss = diagonal_cross_entropy(s, same);
  if (!options.symmetric) return loss;
  return (loss + diagonal_cross_entropy(s.narrow(1, 0, q.size(0)).t(), same)) / 2;
}

}  // namespace

at::Tensor info_nce(const at::Tensor& q, const at::Tensor& k, const InfoNceOptions& options,
                    const at::Tensor& group, const at::Tensor& negatives) {
  check_pair("info_nce", q, k);
  check_positive("info_nce", "temperature", options.temperature);
  const FullPrecision scope;
  return cross_entropy_of_keys("info_nce", q, k, pair_scale(options.temperature),
                               {options.similarity, options.symmetric, options.bf16}, group,
                               negatives, options.margin);
}

at::Tensor info_nce_learned(const at::Tensor& q, const at::Tensor& k, const at::Tensor& log_scale,
                            const LearnedInfoNceOptions& options, const at::Tensor& group,
                            const at::Tensor& negatives) {
  check_pair("info_nce_learned", q, k);
  check_scalar("info_nce_learned", "log_scale", log_scale, q);
  const FullPrecision scope;
  return cross_entropy_of_keys("info_nce_learned", q, k, log_scale.to(at::kDouble).exp(), options,
                               group, negatives);
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
