#include "vistas/contrast/statistics.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "vistas/base/error.h"
#include "vistas/contrast/precision.h"
#include "vistas/contrast/similarity.h"

namespace vistas::contrast {
namespace {

constexpr int64_t kRowsAtATime = 256;

at::Tensor as_double(const at::Tensor& x) {
  if (x.dim() != 2 || x.size(0) < 2 || x.size(1) < 1) {
    throw Error(ErrorKind::usage,
                {.what = "embedding statistics",
                 .got = fmt::format("a tensor of shape [{}]", fmt::join(x.sizes(), ", ")),
                 .expected = "a matrix [N, D] with two rows or more"});
  }
  return x.detach().to(at::kDouble);
}

at::Tensor unit(const at::Tensor& x) {
  return unit_rows(as_double(x));
}

void check_pair(const at::Tensor& x, const at::Tensor& y) {
  if (x.sizes() != y.sizes()) {
    throw Error(ErrorKind::usage,
                {.what = "embedding statistics of two views",
                 .got = fmt::format("shapes [{}] and [{}]", fmt::join(x.sizes(), ", "),
                                    fmt::join(y.sizes(), ", ")),
                 .expected = "the same shape twice"});
  }
}

// exp(-sum p log p) of p = weights / sum + epsilon.
double exp_entropy(const at::Tensor& weights, double epsilon) {
  const at::Tensor p = weights / weights.sum().clamp_min(1e-300) + epsilon;
  return std::exp(-at::special_xlogy(p, p).sum().item<double>());
}

// NaN for a matrix that is not finite, which LAPACK would refuse.
at::Tensor spectrum(const at::Tensor& x, at::Tensor (*of)(const at::Tensor&)) {
  if (x.isfinite().all().item<bool>()) return of(x);
  return at::full({1}, std::numeric_limits<double>::quiet_NaN(), x.options());
}

at::Tensor singular_values(const at::Tensor& x) {
  return spectrum(x, [](const at::Tensor& finite) { return at::linalg_svdvals(finite); });
}

// The squares of singular values that are not 0, from the smaller Gram matrix: three times as fast.
at::Tensor squared_singular_values(const at::Tensor& x) {
  const at::Tensor gram = x.size(0) < x.size(1) ? x.matmul(x.t()) : x.t().matmul(x);
  return spectrum(
      gram, [](const at::Tensor& finite) { return at::linalg_eigvalsh(finite).clamp_min(0); });
}

}  // namespace

double alignment(const at::Tensor& x, const at::Tensor& y) {
  check_pair(x, y);
  return (unit(x) - unit(y)).square().sum(1).mean().item<double>();
}

double uniformity(const at::Tensor& x, double t) {
  const at::Tensor rows = unit(x), squares = rows.square().sum(1);
  const int64_t n = rows.size(0);
  double sum = 0;
  // Some rows at a time: a large batch has more pairs than there is memory.
  for (int64_t begin = 0; begin < n; begin += kRowsAtATime) {
    const int64_t end = std::min(begin + kRowsAtATime, n);
    at::Tensor distances = rows.slice(0, begin, end).matmul(rows.t()).mul_(-2);
    distances.add_(squares).add_(squares.slice(0, begin, end).unsqueeze(1));
    sum += distances.mul_(-t).exp_().sum().item<double>();
  }
  // Every pair counts twice, and every row meets itself at distance 0.
  const auto count = static_cast<double>(n);
  return std::log((sum - count) / (count * (count - 1)));
}

double rank_me(const at::Tensor& x) {
  return exp_entropy(singular_values(as_double(x)), 1e-7);
}

double covariance_effective_rank(const at::Tensor& x) {
  const at::Tensor wide = as_double(x);
  return exp_entropy(squared_singular_values(wide - wide.mean(0, true)), 0);
}

double embedding_std(const at::Tensor& x) {
  return unit(x).std(0, /*unbiased=*/true).mean().item<double>();
}

double mean_norm(const at::Tensor& x) {
  return at::linalg_vector_norm(as_double(x), 2, {1}).mean().item<double>();
}

double positive_cosine(const at::Tensor& x, const at::Tensor& y) {
  check_pair(x, y);
  return (unit(x) * unit(y)).sum(1).mean().item<double>();
}

double mean_cosine(const at::Tensor& x) {
  // The sum over all pairs is |sum of rows|^2; what is left after the pairs (i, i) counts twice.
  const at::Tensor rows = unit(x);
  const double pairs = 0.5 * static_cast<double>(rows.size(0) * (rows.size(0) - 1));
  const at::Tensor all = rows.sum(0).square().sum() - rows.square().sum();
  return 0.5 * all.item<double>() / pairs;
}

}  // namespace vistas::contrast
