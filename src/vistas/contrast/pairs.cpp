#include "vistas/contrast/pairs.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <limits>

#include "vistas/base/error.h"
#include "vistas/contrast/precision.h"

namespace vistas::contrast {
namespace {

std::string shape_of(const at::Tensor& x) {
  return fmt::format("[{}]", fmt::join(x.sizes(), ", "));
}

std::string type_of(const at::Tensor& x) {
  return fmt::format("{} on {}", at::toString(x.scalar_type()), x.device().str());
}

at::Tensor distance_of(const at::Tensor& similarity, Similarity kind) {
  return kind == Similarity::cosine ? 1 - similarity : similarity.neg();
}

at::Tensor rows_for(const at::Tensor& x, Similarity kind, bool normalize) {
  return normalize && kind != Similarity::cosine ? unit_rows(x) : x;
}

}  // namespace

void check_alike(const std::string& loss, const std::vector<at::Tensor>& rows, int64_t least_rows) {
  const at::Tensor& first = rows.at(0);
  const bool wide = first.scalar_type() == at::kDouble;
  for (const at::Tensor& x : rows) {
    if (x.dim() != 2 || x.sizes() != first.sizes() || x.size(0) < least_rows || x.size(1) == 0) {
      std::vector<std::string> shapes;
      for (const at::Tensor& each : rows) shapes.push_back(shape_of(each));
      throw Error(ErrorKind::usage,
                  {.what = loss,
                   .got = fmt::format("shapes {}", fmt::join(shapes, ", ")),
                   .expected = fmt::format("matrices [N, D] of one shape with N >= {}",
                                           std::max<int64_t>(least_rows, 1))});
    }
    if (!x.is_floating_point() || x.device() != first.device() ||
        (x.scalar_type() == at::kDouble) != wide) {
      throw Error(
          ErrorKind::usage,
          {.what = loss,
           .got = fmt::format("{} and {}", type_of(first), type_of(x)),
           .expected = "floating-point tensors on one device, all or none of them float64"});
    }
  }
}

void check_values(const std::string& loss, const std::string& name, const at::Tensor& values,
                  const at::Tensor& z) {
  if (values.dim() != 1 || values.size(0) != z.size(0) || values.device() != z.device()) {
    throw Error(ErrorKind::usage, {.what = loss + ": " + name,
                                   .got = fmt::format("{} {}", shape_of(values), type_of(values)),
                                   .expected = fmt::format("one number a row, [{}] on {}",
                                                           z.size(0), z.device().str())});
  }
}

void check_labels(const std::string& loss, const at::Tensor& labels, const at::Tensor& z) {
  check_values(loss, "labels", labels, z);
  if (!at::isIntegralType(labels.scalar_type(), /*includeBool=*/true)) {
    throw Error(ErrorKind::usage, {.what = loss + ": labels",
                                   .got = at::toString(labels.scalar_type()),
                                   .expected = "integers"});
  }
}

void check_positive(const std::string& name, double value) {
  if (!(value > 0 && std::isfinite(value))) {
    throw Error(ErrorKind::usage,
                {.what = name, .got = fmt::format("{}", value), .expected = "a positive number"});
  }
}

LabelPairs label_pairs(const at::Tensor& labels) {
  const at::Tensor same = labels.unsqueeze(1) == labels.unsqueeze(0);
  const at::Tensor negative = same.logical_not();
  return {same.clone().fill_diagonal_(false), negative};
}

at::Tensor distances(const at::Tensor& x, const at::Tensor& y, Similarity kind, bool normalize) {
  const FullPrecision scope;
  return distance_of(similarity(rows_for(x, kind, normalize), rows_for(y, kind, normalize), kind),
                     kind);
}

at::Tensor row_distances(const at::Tensor& x, const at::Tensor& y, Similarity kind,
                         bool normalize) {
  const FullPrecision scope;
  return distance_of(
      row_similarity(rows_for(x, kind, normalize), rows_for(y, kind, normalize), kind), kind);
}

at::Tensor masked_log_sum_exp(const at::Tensor& x, const at::Tensor& members) {
  // Rows without members are summed as they are, so that their gradient is 0 and not 0 * infinity.
  constexpr double kNothing = -1e30;
  const at::Tensor any = members.any(1, /*keepdim=*/true);
  const at::Tensor hidden = members.logical_not() & any;
  const at::Tensor sum =
      at::logsumexp(x.masked_fill(hidden, -std::numeric_limits<double>::infinity()), {1});
  return sum.masked_fill(any.squeeze(1).logical_not(), kNothing);
}

at::Tensor soft_plus(const at::Tensor& x) {
  constexpr double kLinearFrom = 40;  // where exp(-x) is below half a unit of x in float64
  return at::softplus(x, 1, kLinearFrom);
}

std::vector<std::pair<std::string, MeanOver>> mean_over_names() {
  return {{"all", MeanOver::all}, {"nonzero", MeanOver::nonzero}};
}

at::Tensor mean_of(const at::Tensor& terms, MeanOver over) {
  if (over == MeanOver::all) return terms.sum() / std::max<int64_t>(terms.numel(), 1);
  return terms.sum() / (terms > 0).sum().clamp_min(1);
}

}  // namespace vistas::contrast
