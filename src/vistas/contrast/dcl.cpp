#include "vistas/contrast/dcl.h"

#include <ATen/ATen.h>

#include "vistas/contrast/checks.h"
#include "vistas/contrast/logits.h"
#include "vistas/contrast/pair_logits.h"
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

// The same without a matrix.
at::Tensor loss_of_pairs(const PairLogits& s, const at::Tensor& weight, const at::Tensor& z) {
  const at::Tensor target = s.target.repeat(2);
  const at::Tensor pull = weight.defined() ? weight * target : target;
  return mean_where(s.rows.isneginf().logical_not(), s.rows - pull).to(widen(z).scalar_type());
}

template <class Options>
PairLogits view_logits_of(const char* loss, const at::Tensor& z_a, const at::Tensor& z_b,
                          const Options& options, const at::Tensor& group) {
  check_pair(loss, z_a, z_b);
  if (group.defined()) check_ids(loss, "group", group, z_a);
  return view_logits(widen(z_a), widen(z_b), pair_scale(options.temperature), group,
                     pair_options(options.similarity, options.bf16));
}

// 2 - exp(s / sigma) / mean exp(s / sigma), without a gradient; the mean of exp is a softmax times
// n.
at::Tensor positive_weights(const at::Tensor& s, double sigma) {
  const at::Tensor share = (s.detach() / sigma).softmax(0);
  return (2 - share * static_cast<double>(s.size(0))).repeat(2);
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
  if (has_pair_logits(options.similarity)) {
    return loss_of_pairs(view_logits_of("dcl", z_a, z_b, options, group), {}, z_a);
  }
  const at::Tensor s = all_similarities("dcl", z_a, z_b, options.similarity);
  return loss_of_logits(s / options.temperature, same_thing("dcl", group, z_a), {});
}

at::Tensor dclw(const at::Tensor& z_a, const at::Tensor& z_b, const DclwOptions& options,
                const at::Tensor& group) {
  check_positive("dclw", "temperature", options.temperature);
  check_positive("dclw", "sigma", options.sigma);
  const FullPrecision scope;
  if (has_pair_logits(options.similarity)) {
    const PairLogits s = view_logits_of("dclw", z_a, z_b, options, group);
    const at::Tensor pairs = s.target * options.temperature;
    return loss_of_pairs(s, positive_weights(pairs, options.sigma), z_a);
  }
  const at::Tensor s = all_similarities("dclw", z_a, z_b, options.similarity);
  const at::Tensor weight = positive_weights(s.diagonal(z_a.size(0)), options.sigma);
  return loss_of_logits(s / options.temperature, same_thing("dclw", group, z_a), weight);
}

}  // namespace vistas::contrast
