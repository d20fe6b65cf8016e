// The exact stage of top_k: what may be among the best by float32 ranks, scored again in float64.
// Used by top_k alone.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "vistas/search/row_filter.h"
#include "vistas/search/top_k.h"

namespace vistas::search {

struct Hit {
  float rank;   // float32 estimate that grows with the score
  float score;  // known once scored exactly
  int64_t index;
};

// Everything about a search that its threads share. The float32 stage ranks bank row j by
// product * scale[j] + shift[j], which grows with the score: cosine up to 1/|q|, l2 up to
// (score + |q|^2) / 2.
struct Search {
  Search(const at::Tensor& queries, const at::Tensor& bank, int64_t k, Metric metric);

  // Bounds the distance between a float32 rank and the true one.
  float error_bound(int64_t query) const;
  float exact(int64_t query, int64_t row) const;

  at::Tensor queries, bank;
  int64_t k;
  Metric metric;
  std::vector<double> query_norms, bank_norms;
  std::vector<float> scale, shift;
  // Largest |b| * scale, |shift|, scale and |b|.
  double product_bound = 0, shift_bound = 0, scale_bound = 0, norm_bound = 0;
};

// The rows that may still be among the k best of one query.
class TopCandidates {
 public:
  TopCandidates(const Search& search, const RowFilter& filter, int64_t query);

  // What is below it need not be added; NaN (overflow in float32) is not.
  float threshold() const { return threshold_; }

  // Rows ascend.
  void add(float rank, int64_t row) {
    if (!open_(row)) return;
    hits_.push_back({rank, 0, row});
    if (hits_.size() == capacity_) shrink();
  }

  // The k best by true score, descending.
  std::vector<Hit> best();

 private:
  void shrink();
  void raise_threshold();
  void keep_best_exactly();

  const Search& search_;
  OpenRows open_;
  int64_t query_;
  float margin_;
  size_t capacity_;
  float threshold_ = -std::numeric_limits<float>::infinity();
  std::vector<Hit> hits_;
};

}  // namespace vistas::search
