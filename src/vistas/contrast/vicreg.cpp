#include "vistas/contrast/vicreg.h"

#include <ATen/ATen.h>

#include "vistas/contrast/pairs.h"
#include "vistas/contrast/precision.h"

namespace vistas::contrast {
namespace {

// v(z) and c(z) of one view.
struct Spread {
  at::Tensor variance, covariance;
};

Spread spread(const at::Tensor& z, double eps) {
  const int64_t n = z.size(0), d = z.size(1);
  const at::Tensor centred = z - z.mean(0, true);
  const at::Tensor variances = centred.square().sum(0) / (n - 1);
  // x^T x and x x^T have the same sum of squares.
  const at::Tensor products = n < d ? at::mm(centred, centred.t()) : at::mm(centred.t(), centred);
  const at::Tensor all = (products / (n - 1)).square().sum();
  return {at::relu(1 - (variances + eps).sqrt()).mean(), (all - variances.square().sum()) / d};
}

}  // namespace

VicRegLoss vicreg(const at::Tensor& z_a, const at::Tensor& z_b, const VicRegOptions& options) {
  check_alike("vicreg", {z_a, z_b}, 2);
  const FullPrecision scope;
  const at::Tensor a = widen(z_a), b = widen(z_b);
  const Spread of_a = spread(a, options.eps), of_b = spread(b, options.eps);
  const at::Tensor invariance = (a - b).square().mean();
  const at::Tensor variance = (of_a.variance + of_b.variance) / 2;
  const at::Tensor covariance = of_a.covariance + of_b.covariance;
  return {options.invariance * invariance + options.variance * variance +
              options.covariance * covariance,
          invariance, variance, covariance};
}

}  // namespace vistas::contrast
