#include "vistas/contrast/pairs.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

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
      throw Error(ErrorKind::usage, {.what = loss,
                                     .got = fmt::format("shapes {}", fmt::join(shapes, ", ")),
                                     .expected = fmt::format(
                                         "matrices [N, D] of one shape with N >= {}", least_rows)});
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

LabelPairs label_pairs(const at::Tensor& labels) {
  at::Tensor positive = labels.unsqueeze(1) == labels;
  const at::Tensor negative = positive.logical_not();
  return {positive.fill_diagonal_(false), negative};
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

std::vector<std::pair<std::string, MeanOver>> mean_over_names() {
  return {{"all", MeanOver::all}, {"nonzero", MeanOver::nonzero}};
}

at::Tensor mean_of(const at::Tensor& terms, MeanOver over) {
  if (over == MeanOver::all) return terms.mean();
  return terms.sum() / (terms > 0).sum().clamp_min(1);
}

}  // namespace vistas::contrast
