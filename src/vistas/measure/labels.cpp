#include "vistas/measure/labels.h"

#include <fmt/format.h>

#include <limits>

#include "vistas/base/error.h"
#include "vistas/search/top_k.h"

namespace vistas::measure {

at::Tensor as_labels(const at::Tensor& labels, int64_t rows, int64_t classes,
                     const std::string& name) {
  if (!labels.defined() || labels.dim() != 1 || labels.size(0) != rows ||
      !at::isIntegralType(labels.scalar_type(), /*includeBool=*/false)) {
    throw Error(ErrorKind::data,
                {.what = name,
                 .got = labels.defined() ? fmt::format("{} values", labels.numel()) : "nothing",
                 .expected = fmt::format("a whole number for each of {} rows", rows)});
  }
  const at::Tensor out = labels.detach().to(at::kCPU, at::kLong).contiguous();
  const int64_t* data = out.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < rows; ++i) {
    if (data[i] < 0 || data[i] >= classes) {
      throw Error(ErrorKind::data, {.what = fmt::format("{}, row {}", name, i),
                                    .got = fmt::to_string(data[i]),
                                    .expected = fmt::format("a class 0 .. {}", classes - 1)});
    }
  }
  return out;
}

double accuracy(const at::Tensor& predicted, const at::Tensor& labels) {
  return predicted.eq(labels).to(at::kDouble).mean().item<double>();
}

ClassificationScores classification_scores(const at::Tensor& scores, const at::Tensor& labels) {
  const int64_t rows = scores.size(0), classes = scores.size(1);
  const at::Tensor known = as_labels(labels, rows, classes, "labels");
  const at::Tensor ranked = search::top_k_of_rows(scores, 5).indices;
  const at::Tensor right = ranked.eq(known.unsqueeze(1));
  const at::Tensor first = right.select(1, 0).to(at::kDouble);
  const at::Tensor count = at::bincount(known, {}, classes).to(at::kDouble);
  const at::Tensor rate = at::bincount(known, first, classes) / count;  // 0 / 0 is NaN
  ClassificationScores out;
  out.top1 = first.mean().item<double>();
  out.top5 = classes > 5 ? right.any(1).to(at::kDouble).mean().item<double>()
                         : std::numeric_limits<double>::quiet_NaN();
  const double* data = rate.const_data_ptr<double>();
  out.per_class.assign(data, data + classes);
  return out;
}

}  // namespace vistas::measure
