// What every measure expects of labels: one whole number 0 .. classes-1 a row.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace vistas::measure {

// `labels` as int64 [rows] on the CPU, each in [0, classes); anything else is a data error. `name`
// ("test labels") appears in it.
at::Tensor as_labels(const at::Tensor& labels, int64_t rows, int64_t classes,
                     const std::string& name);

// The share of equal elements of two int64 [N].
double accuracy(const at::Tensor& predicted, const at::Tensor& labels);

struct ClassificationScores {
  double top1 = 0;
  double top5 = 0;                // NaN with five classes or fewer
  std::vector<double> per_class;  // share of each class's rows predicted right; NaN without rows
};

// Scores [N, classes] against labels [N]; equal scores count for the lower class.
ClassificationScores classification_scores(const at::Tensor& scores, const at::Tensor& labels);

}  // namespace vistas::measure
