#include "vistas/contrast/gist.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <vector>

#include "vistas/base/error.h"
#include "vistas/contrast/checks.h"
#include "vistas/contrast/logits.h"
#include "vistas/contrast/precision.h"
#include "vistas/contrast/similarity.h"

namespace vistas::contrast {
namespace {

void check(const GistColumns& x) {
  check_pair("gist", x.anchor, x.positive);
  if (x.negative.defined()) check_comparable("gist", x.anchor, x.negative);
}

void check_alike(const GistColumns& model, const GistColumns& guide) {
  const auto rows = [](const at::Tensor& x) { return x.defined() ? x.size(0) : 0; };
  if (rows(model.anchor) == rows(guide.anchor) && rows(model.negative) == rows(guide.negative)) {
    return;
  }
  throw Error(
      ErrorKind::usage,
      {.what = "gist: the guide's embeddings",
       .got = fmt::format("{} rows and {} negatives", rows(guide.anchor), rows(guide.negative)),
       .expected = fmt::format("{} rows and {} negatives, as the model's", rows(model.anchor),
                               rows(model.negative))});
}

// The similarities of all candidates, [N, N] of positives first.
at::Tensor candidates(const GistColumns& x, const GistOptions& options) {
  const at::Tensor a = unit_rows(x.anchor), p = unit_rows(x.positive);
  std::vector<at::Tensor> blocks{a.mm(p.t())};
  if (options.contrast_anchors) blocks.push_back(a.mm(a.t()));
  if (options.contrast_positives) blocks.push_back(p.mm(p.t()));
  if (x.negative.defined()) blocks.push_back(a.mm(unit_rows(x.negative).t()));
  return at::cat(blocks, 1);
}

// Bool [N, candidates]: what the guide leaves out, the positive, and a row itself.
at::Tensor left_out(const GistColumns& guide, const GistOptions& options) {
  const at::NoGradGuard no_grad;
  const at::Tensor g = candidates(guide, options);
  const at::Tensor positive = g.diagonal();
  const at::Tensor margin = options.margin_kind == GuideMargin::relative
                                ? positive.abs() * options.margin
                                : at::full_like(positive, options.margin);
  const at::Tensor out = g > (positive - margin).unsqueeze(1);
  const int64_t n = g.size(0);
  const int64_t squares =
      1 + int64_t{options.contrast_anchors} + int64_t{options.contrast_positives};
  for (int64_t block = 0; block < squares; ++block) {
    out.narrow(1, block * n, n).fill_diagonal_(true);
  }
  return out;
}

}  // namespace

at::Tensor gist(const GistColumns& model, const GistColumns& guide, const GistOptions& options) {
  check(model);
  check(guide);
  check_alike(model, guide);
  check_positive("gist", "temperature", options.temperature);
  const FullPrecision scope;
  const at::Tensor s = candidates(model, options) / options.temperature;
  return log1p_exp(log_sum_exp(s, left_out(guide, options)) - s.diagonal()).mean();
}

}  // namespace vistas::contrast
