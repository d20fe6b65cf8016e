#include "vistas/contrast/vicreg.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <vector>

#include "vistas/contrast/pairs.h"
#include "vistas/contrast/precision.h"
#include "vistas/contrast/shared_rows.h"

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
  const int64_t smaller = std::min(n, d);
  const at::Tensor all =
      sum_of_rows(smaller, n * d * smaller, {centred},
                  [n, d](int64_t begin, int64_t end, const std::vector<at::Tensor>& in) {
                    const at::Tensor x = n < d ? in[0] : in[0].t();
                    return (at::mm(x.slice(0, begin, end), x.t()) / (n - 1)).square().sum();
                  });
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
