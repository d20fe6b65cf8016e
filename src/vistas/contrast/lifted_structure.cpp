#include "vistas/contrast/lifted_structure.h"

#include <ATen/ATen.h>

#include "vistas/contrast/checks.h"
#include "vistas/contrast/logits.h"
#include "vistas/contrast/pairs.h"
#include "vistas/contrast/precision.h"

namespace vistas::contrast {

at::Tensor lifted_structure(const at::Tensor& z, const at::Tensor& labels,
                            const LiftedStructureOptions& options) {
  check_alike("lifted_structure", {z});
  check_ids("lifted_structure", "labels", labels, z);
  const FullPrecision scope;
  const auto [positive, negative] = label_pairs(labels);
  const at::Tensor d = distances(z, z, options.similarity, options.normalize);
  // Without any negatives: as -infinity, but logaddexp stays a number.
  const at::Tensor push = log_sum_exp(options.margin - d, negative.logical_not()).clamp_min(-1e30);
  const at::Tensor once = positive.triu();
  const at::Tensor j = at::logaddexp(push.unsqueeze(1), push.unsqueeze(0)) + d;
  const at::Tensor terms = at::relu(j).square().masked_fill(once.logical_not(), 0);
  return terms.sum() / (2 * once.sum()).clamp_min(1);
}

at::Tensor lifted_structure_generalized(const at::Tensor& z, const at::Tensor& labels,
                                        const LiftedStructureOptions& options) {
  check_alike("lifted_structure_generalized", {z});
  check_ids("lifted_structure_generalized", "labels", labels, z);
  const FullPrecision scope;
  const auto [positive, negative] = label_pairs(labels);
  const at::Tensor d = distances(z, z, options.similarity, options.normalize);
  return at::relu(log_sum_exp(d, positive.logical_not()) +
                  log_sum_exp(options.margin - d, negative.logical_not()))
      .mean();
}

}  // namespace vistas::contrast
