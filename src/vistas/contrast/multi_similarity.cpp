#include "vistas/contrast/multi_similarity.h"

#include <ATen/ATen.h>

#include <limits>

#include "vistas/contrast/pairs.h"
#include "vistas/contrast/precision.h"

namespace vistas::contrast {
namespace {

// The pairs that violate the order of similarities s [N, N] by less than epsilon.
LabelPairs informative(const LabelPairs& pairs, const at::Tensor& s, double epsilon) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const at::Tensor top_negative =
      s.masked_fill(pairs.negative.logical_not(), -kInfinity).amax(1, true);
  const at::Tensor low_positive =
      s.masked_fill(pairs.positive.logical_not(), kInfinity).amin(1, true);
  // Negated, so that what is not a number stays in the sums and shows.
  return {pairs.positive & (s - epsilon >= top_negative).logical_not(),
          pairs.negative & (s + epsilon <= low_positive).logical_not()};
}

}  // namespace

at::Tensor multi_similarity(const at::Tensor& z, const at::Tensor& labels,
                            const MultiSimilarityOptions& options) {
  check_alike("multi_similarity", {z});
  check_labels("multi_similarity", labels, z);
  check_positive("multi_similarity: alpha", options.alpha);
  check_positive("multi_similarity: beta", options.beta);
  const FullPrecision scope;
  const at::Tensor s = similarity(z, z, options.similarity);
  LabelPairs pairs = label_pairs(labels);
  if (options.mining) pairs = informative(pairs, s.detach(), options.epsilon);
  const at::Tensor pull = masked_log_sum_exp(options.alpha * (options.base - s), pairs.positive);
  const at::Tensor push = masked_log_sum_exp(options.beta * (s - options.base), pairs.negative);
  return (soft_plus(pull) / options.alpha + soft_plus(push) / options.beta).mean();
}

}  // namespace vistas::contrast
