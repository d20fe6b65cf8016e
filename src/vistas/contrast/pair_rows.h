// The rows that a loss compares, in float64 a few at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>

namespace vistas::contrast {

// x [N, D] as it is compared: of length one for cosine (a zero row stays zero), else as it is.
class PairRows {
 public:
  PairRows(const at::Tensor& x, bool unit);

  const at::Tensor& raw() const { return x_; }
  int64_t size() const { return x_.size(0); }
  // Rows [begin, end) in float64.
  at::Tensor wide(int64_t begin, int64_t end) const;
  // All rows in the type of x; the second writes them into `out` [N, D].
  at::Tensor rounded() const;
  void round_into(at::Tensor out) const;
  // The gradient of x, in its type, where that of the compared rows is g times factor; float64 [N,
  // D].
  at::Tensor gradient(const at::Tensor& g, double factor) const;

 private:
  at::Tensor x_;
  at::Tensor inverse_;  // one over lengths, float64 [N, 1]; undefined for dot
};

// Calls use(begin, end) for spans of [0, n) whose float64 rows stay in the cache.
void for_spans(const at::Tensor& like, int64_t n, const std::function<void(int64_t, int64_t)>& use);

}  // namespace vistas::contrast
