#include "vistas/contrast/debiased.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>

#include "vistas/base/error.h"
#include "vistas/contrast/checks.h"
#include "vistas/contrast/logits.h"
#include "vistas/contrast/precision.h"

namespace vistas::contrast {
namespace {

void check(const at::Tensor& z_a, const at::Tensor& z_b, const DebiasedOptions& options) {
  check_pair("debiased_nt_xent", z_a, z_b);
  check_positive("debiased_nt_xent", "temperature", options.temperature);
  if (!(options.tau_plus >= 0 && options.tau_plus < 1)) {
    throw Error(ErrorKind::usage, {.what = "debiased_nt_xent: tau_plus",
                                   .got = fmt::format("{}", options.tau_plus),
                                   .expected = "a share, at least 0 and below 1"});
  }
  if (!(options.beta >= 0 && std::isfinite(options.beta))) {
    throw Error(ErrorKind::usage, {.what = "debiased_nt_xent: beta",
                                   .got = fmt::format("{}", options.beta),
                                   .expected = "a number, at least 0"});
  }
}

// log max((exp(x) - tau n) / (1 - tau), n exp(floor)): log(G / e_p) of the header, of
// x = log(R / e_p). n [rows], in the type of x.
at::Tensor log_corrected(const at::Tensor& x, const at::Tensor& floor, const at::Tensor& n,
                         double tau) {
  const at::Tensor expected = (tau * n).log();  // -inf without correction
  const auto corrected = [&](const at::Tensor& r) {
    return r + (expected - r).clamp_max(0).exp().neg().log1p() - std::log(1 - tau);
  };
  const at::Tensor above = corrected(x.detach()) > floor;
  // Rows at the floor go through the other branch with a harmless number: no gradient of -inf.
  const at::Tensor safe = at::where(above, x, expected.clamp_min(0) + 1);
  return at::where(above, corrected(safe), floor);
}

}  // namespace

at::Tensor debiased_nt_xent(const at::Tensor& z_a, const at::Tensor& z_b,
                            const DebiasedOptions& options, const at::Tensor& group) {
  check(z_a, z_b, options);
  const FullPrecision scope;
  const int64_t count = z_a.size(0);
  const at::Tensor z = at::cat({z_a, z_b});
  const at::Tensor s = similarity(z, z, options.similarity) / options.temperature;
  const at::Tensor target = at::cat({s.diagonal(count), s.diagonal(-count)});
  const at::Tensor left_out = same_thing("debiased_nt_xent", group, z_a).repeat({2, 2});
  const at::Tensor n = left_out.logical_not().sum(1).to(s.scalar_type());

  at::Tensor negatives = log_sum_exp(s * (1 + options.beta), left_out);  // log R
  if (options.beta > 0) {
    const at::Tensor mean = log_sum_exp(s * options.beta, left_out) - n.log();
    negatives = negatives - at::where(n > 0, mean, 0.0);
  }
  const at::Tensor least = options.similarity == Similarity::cosine
                               ? at::full({}, -1 / options.temperature, s.options())
                               : s.detach().amin();
  const at::Tensor floor = least + n.log() - target;
  return log1p_exp(log_corrected(negatives - target, floor, n, options.tau_plus)).mean();
}

}  // namespace vistas::contrast
