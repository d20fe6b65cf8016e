// Features that are mostly zeros, such as counts of words.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "vistas/measure/logistic.h"
#include "vistas/search/top_k.h"

namespace vistas::measure {

// Row i has values[j] in column indices[j] for j in offsets[i] .. offsets[i + 1], columns
// ascending.
struct SparseRows {
  int64_t columns = 0;
  std::vector<int64_t> offsets{0};
  std::vector<int32_t> indices{};
  std::vector<float> values{};

  int64_t rows() const { return static_cast<int64_t>(offsets.size()) - 1; }
  SparseRows select(std::span<const int64_t> rows) const;
};

// Products of the rows of one and the same number, float64 [N]; with unit rows cosines.
std::vector<double> paired_products(const SparseRows& a, const SparseRows& b);

// The k rows of the bank with the largest products for every query, as search::top_k gives them:
// equal ones by lower index.
search::TopK top_products(const SparseRows& queries, const SparseRows& bank, int64_t k);

// fit_logistic of logistic.h for such features, in float64. They cannot be standardised, which
// would leave no zeros: a usage error.
LogisticModel fit_logistic(const SparseRows& features, const at::Tensor& labels, int64_t classes,
                           const LogisticOptions& options = {});

// LogisticModel::scores for such features: float64 [N, classes].
at::Tensor logistic_scores(const LogisticModel& model, const SparseRows& features);

}  // namespace vistas::measure
