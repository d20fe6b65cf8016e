#include "vistas/contrast/contrastive.h"

#include <ATen/ATen.h>

#include "vistas/contrast/pairs.h"
#include "vistas/contrast/precision.h"

namespace vistas::contrast {
namespace {

at::Tensor hinge(const at::Tensor& x, bool squared) {
  const at::Tensor above = at::relu(x);
  return squared ? above.square() / 2 : above;
}

}  // namespace

at::Tensor contrastive(const at::Tensor& x_0, const at::Tensor& x_1, const at::Tensor& target,
                       const ContrastiveOptions& options) {
  check_alike("contrastive", {x_0, x_1});
  check_values("contrastive", "target", target, x_0);
  const FullPrecision scope;
  const at::Tensor d = row_distances(x_0, x_1, options.similarity, options.normalize);
  const at::Tensor y = target.to(d.scalar_type());
  return (y * hinge(d - options.positive_margin, options.squared) +
          (1 - y) * hinge(options.margin - d, options.squared))
      .mean();
}

at::Tensor contrastive_by_labels(const at::Tensor& z, const at::Tensor& labels,
                                 const ContrastiveOptions& options) {
  check_alike("contrastive_by_labels", {z});
  check_labels("contrastive_by_labels", labels, z);
  const FullPrecision scope;
  const auto [positive, negative] = label_pairs(labels);
  const at::Tensor d = distances(z, z, options.similarity, options.normalize);
  const at::Tensor far = hinge(d - options.positive_margin, options.squared);
  const at::Tensor near = hinge(options.margin - d, options.squared);
  return mean_of(far.masked_fill(positive.logical_not(), 0), MeanOver::nonzero) +
         mean_of(near.masked_fill(negative.logical_not(), 0), MeanOver::nonzero);
}

}  // namespace vistas::contrast
