#include "vistas/contrast/cosent.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "vistas/base/error.h"
#include "vistas/contrast/pairs.h"
#include "vistas/contrast/precision.h"

namespace vistas::contrast {
namespace {

// s, score [N].
at::Tensor ranking(const at::Tensor& s, const at::Tensor& score, double scale) {
  const at::Tensor wrong_by = scale * (s.unsqueeze(0) - s.unsqueeze(1));
  const at::Tensor ordered = score.unsqueeze(1) > score.unsqueeze(0);
  return soft_plus(masked_log_sum_exp(wrong_by.view({1, -1}), ordered.view({1, -1}))).squeeze(0);
}

}  // namespace

at::Tensor cosent(const at::Tensor& x_0, const at::Tensor& x_1, const at::Tensor& score,
                  const CosentOptions& options) {
  check_alike("cosent", {x_0, x_1});
  check_values("cosent", "score", score, x_0);
  const FullPrecision scope;
  return ranking(row_similarity(x_0, x_1, options.similarity), score, options.scale);
}

at::Tensor angle(const at::Tensor& x_0, const at::Tensor& x_1, const at::Tensor& score,
                 const AngleOptions& options) {
  check_alike("angle", {x_0, x_1});
  check_values("angle", "score", score, x_0);
  if (x_0.size(1) % 2 != 0) {
    throw Error(ErrorKind::usage, {.what = "angle",
                                   .got = fmt::format("embeddings of {} columns", x_0.size(1)),
                                   .expected = "an even number: half real, half imaginary"});
  }
  const FullPrecision scope;
  // The quotients of unit rows: their |x_1|^2 and |x_0| / |x_1| are 1.
  const auto x = unit_rows(x_0).chunk(2, 1), y = unit_rows(x_1).chunk(2, 1);
  const at::Tensor real = x[0] * y[0] + x[1] * y[1], imaginary = x[1] * y[0] - x[0] * y[1];
  return ranking((real + imaginary).sum(1).abs(), score, options.scale);
}

}  // namespace vistas::contrast
