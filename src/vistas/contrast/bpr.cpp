#include "vistas/contrast/bpr.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>

#include "vistas/base/error.h"
#include "vistas/contrast/checks.h"
#include "vistas/contrast/logits.h"
#include "vistas/contrast/precision.h"

namespace vistas::contrast {

at::Tensor bpr(const at::Tensor& users, const at::Tensor& positives, const at::Tensor& negatives,
               const BprOptions& options) {
  check_pair("bpr", users, positives);
  check_pair("bpr", users, negatives);
  if (!(options.l2 >= 0 && std::isfinite(options.l2))) {
    throw Error(ErrorKind::usage, {.what = "bpr: l2",
                                   .got = fmt::format("{}", options.l2),
                                   .expected = "a number, at least 0"});
  }
  const FullPrecision scope;
  const at::Tensor margin = row_similarity(users, positives, options.similarity) -
                            row_similarity(users, negatives, options.similarity);
  const at::Tensor ranking = log1p_exp(margin.neg()).mean();
  if (options.l2 == 0) return ranking;
  const auto squares = [](const at::Tensor& x) { return widen(x).square().sum(); };
  const at::Tensor lengths = squares(users) + squares(positives) + squares(negatives);
  return ranking + lengths * (options.l2 / 2 / static_cast<double>(users.size(0)));
}

}  // namespace vistas::contrast
