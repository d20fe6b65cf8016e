#include "vistas/contrast/dcl.h"

#include <ATen/ATen.h>

#include "vistas/contrast/checks.h"
#include "vistas/contrast/logits.h"
#include "vistas/contrast/precision.h"

namespace vistas::contrast {
namespace {

// s [2N, 2N] are logits, same [N, N]; weight [2N] of the positives may be undefined.
at::Tensor loss_of_logits(const at::Tensor& s, const at::Tensor& same, const at::Tensor& weight) {
  const int64_t n = same.size(0);
  const at::Tensor left_out = same.repeat({2, 2});
  const at::Tensor target = at::cat({s.diagonal(n), s.diagonal(-n)});
  const at::Tensor pull = weight.defined() ? weight * target : target;
  return mean_where(left_out.logical_not().any(1), log_sum_exp(s, left_out) - pull);
}

at::Tensor all_similarities(const char* loss, const at::Tensor& z_a, const at::Tensor& z_b,
                            Similarity kind) {
  check_pair(loss, z_a, z_b);
  const at::Tensor z = at::cat({z_a, z_b});
  return similarity(z, z, kind);
}

}  // namespace

at::Tensor dcl(const at::Tensor& z_a, const at::Tensor& z_b, const DclOptions& options,
               const at::Tensor& group) {
  check_positive("dcl", "temperature", options.temperature);
  const FullPrecision scope;
  const at::Tensor s = all_similarities("dcl", z_a, z_b, options.similarity);
  return loss_of_logits(s / options.temperature, same_thing("dcl", group, z_a), {});
}

at::Tensor dclw(const at::Tensor& z_a, const at::Tensor& z_b, const DclwOptions& options,
                const at::Tensor& group) {
  check_positive("dclw", "temperature", options.temperature);
  check_positive("dclw", "sigma", options.sigma);
  const FullPrecision scope;
  const at::Tensor s = all_similarities("dclw", z_a, z_b, options.similarity);
  const int64_t n = z_a.size(0);
  // exp / mean of exp is a softmax times n.
  const at::Tensor share = (s.detach().diagonal(n) / options.sigma).softmax(0);
  const at::Tensor weight = 2 - share * static_cast<double>(n);
  return loss_of_logits(s / options.temperature, same_thing("dclw", group, z_a), weight.repeat(2));
}

}  // namespace vistas::contrast
