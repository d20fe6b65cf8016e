#include "vistas/contrast/barlow_twins.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <vector>

#include "vistas/contrast/pairs.h"
#include "vistas/contrast/precision.h"
#include "vistas/contrast/shared_rows.h"

namespace vistas::contrast {
namespace {

at::Tensor standardised(const at::Tensor& z, double eps) {
  const at::Tensor centred = widen(z) - widen(z).mean(0, true);
  return centred * (centred.square().mean(0, true) + eps).rsqrt();
}

// Sum over all i, j of (a^T b)_ij^2 = sum of (a a^T) o (b b^T), by the smaller of the matrices.
at::Tensor squared_products(const at::Tensor& a, const at::Tensor& b) {
  const int64_t n = a.size(0), d = a.size(1), smaller = std::min(n, d);
  return sum_of_rows(smaller, n * d * smaller, {a, b},
                     [n, d](int64_t begin, int64_t end, const std::vector<at::Tensor>& z) {
                       if (n >= d)
                         return at::mm(z[0].t().slice(0, begin, end), z[1]).square().sum();
                       const auto products = [&](const at::Tensor& x) {
                         return at::mm(x.slice(0, begin, end), x.t());
                       };
                       return (products(z[0]) * products(z[1])).sum();
                     });
}

}  // namespace

at::Tensor cross_correlation(const at::Tensor& z_a, const at::Tensor& z_b, double eps) {
  check_alike("cross_correlation", {z_a, z_b}, 2);
  const FullPrecision scope;
  return at::mm(standardised(z_a, eps).t(), standardised(z_b, eps)) / z_a.size(0);
}

at::Tensor barlow_twins(const at::Tensor& z_a, const at::Tensor& z_b,
                        const BarlowTwinsOptions& options) {
  check_alike("barlow_twins", {z_a, z_b}, 2);
  const FullPrecision scope;
  const double n = static_cast<double>(z_a.size(0));
  const at::Tensor a = standardised(z_a, options.eps), b = standardised(z_b, options.eps);
  const at::Tensor own = (a * b).mean(0);
  const at::Tensor redundancy = squared_products(a, b) / (n * n) - own.square().sum();
  return (own - 1).square().sum() + options.lambda * redundancy;
}

}  // namespace vistas::contrast
