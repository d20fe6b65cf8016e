#include "vistas/contrast/lifted_structure.h"

#include <ATen/ATen.h>

#include "vistas/contrast/pairs.h"
#include "vistas/contrast/precision.h"

namespace vistas::contrast {

at::Tensor lifted_structure(const at::Tensor& z, const at::Tensor& labels,
                            const LiftedStructureOptions& options) {
  check_alike("lifted_structure", {z});
  check_labels("lifted_structure", labels, z);
  const FullPrecision scope;
  const auto [positive, negative] = label_pairs(labels);
  const at::Tensor d = distances(z, z, options.similarity, options.normalize);
  const at::Tensor push = masked_log_sum_exp(options.margin - d, negative);
  const at::Tensor once = positive.triu();
  const at::Tensor j = at::logaddexp(push.unsqueeze(1), push.unsqueeze(0)) + d;
  const at::Tensor terms = at::relu(j).square().masked_fill(once.logical_not(), 0);
  return terms.sum() / (2 * once.sum()).clamp_min(1);
}

at::Tensor lifted_structure_generalized(const at::Tensor& z, const at::Tensor& labels,
                                        const LiftedStructureOptions& options) {
  check_alike("lifted_structure_generalized", {z});
  check_labels("lifted_structure_generalized", labels, z);
  const FullPrecision scope;
  const auto [positive, negative] = label_pairs(labels);
  const at::Tensor d = distances(z, z, options.similarity, options.normalize);
  return at::relu(masked_log_sum_exp(d, positive) +
                  masked_log_sum_exp(options.margin - d, negative))
      .mean();
}

}  // namespace vistas::contrast
