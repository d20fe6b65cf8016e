#include "vistas/contrast/sampled_softmax.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "vistas/base/error.h"
#include "vistas/contrast/checks.h"
#include "vistas/contrast/logits.h"
#include "vistas/contrast/precision.h"

namespace vistas::contrast {
namespace {

void check_shape(const char* what, const at::Tensor& x, const std::vector<int64_t>& want) {
  if (x.sizes() == at::IntArrayRef(want)) return;
  throw Error(ErrorKind::usage, {.what = fmt::format("sampled_softmax: {}", what),
                                 .got = fmt::format("shape [{}]", fmt::join(x.sizes(), ", ")),
                                 .expected = fmt::format("[{}]", fmt::join(want, ", "))});
}

}  // namespace

at::Tensor sampled_softmax(const at::Tensor& q, const at::Tensor& items,
                           const at::Tensor& negatives, const SampledSoftmaxOptions& options,
                           const at::Tensor& log_q, const at::Tensor& hit) {
  check_pair("sampled_softmax", q, items);
  check_comparable("sampled_softmax", q, negatives);
  check_positive("sampled_softmax", "temperature", options.temperature);
  const FullPrecision scope;
  const int64_t n = q.size(0), m = negatives.size(0);
  at::Tensor target = row_similarity(q, items, options.similarity) / options.temperature;
  at::Tensor s = similarity(q, negatives, options.similarity) / options.temperature;
  if (log_q.defined()) {
    check_shape("log_q", log_q, {n + m});
    const at::Tensor correction = log_q.detach().to(s.scalar_type());
    target = target - correction.narrow(0, 0, n);
    s = s - correction.narrow(0, n, m);
  }
  if (hit.defined()) {
    check_shape("hit", hit, {n, m});
    s = s.masked_fill(hit, -std::numeric_limits<double>::infinity());
  }
  return log1p_exp(log_sum_exp(s) - target).mean();
}

}  // namespace vistas::contrast
