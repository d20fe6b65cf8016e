// Exact search: the k most similar rows of a bank for every query.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <span>

#include "vistas/search/row_filter.h"

namespace vistas::search {

// dot: q.b; cosine: q.b / (|q| |b|), 0 if either is a zero row; l2: -|q - b|^2.
enum class Metric { dot, cosine, l2 };

struct TopK {
  at::Tensor indices;  // int64 [Q, k], rows of the bank
  at::Tensor scores;   // float32 [Q, k], descending; equal scores by lower index
};

// Rows handled at a time: what a core keeps in its cache. They change nothing in the result.
struct Blocks {
  int64_t queries = 512;
  int64_t bank = 1024;
};

// The k best bank rows of every query; queries [Q, D], bank [N, D]. With fewer than k bank rows the
// result is [Q, N]. Exact: products in float32 only choose candidates; whatever could be among the
// k best within the rounding error is scored again in float64 in a fixed order, so the result is
// the same for any number of threads and any block sizes, and identical rows have equal scores.
// Where the filter leaves a query fewer than k rows, its list ends with -1 of score -infinity.
// Values that are not finite are an error.
TopK top_k(const at::Tensor& queries, const at::Tensor& bank, int64_t k, Metric metric,
           const RowFilter& filter = {}, const Blocks& blocks = {});

// The k largest of each row of scores [Q, N], in the same order; NaN ranks below everything.
TopK top_k_of_rows(const at::Tensor& scores, int64_t k);

// The k best of `rows` rows of `columns` scores each, which scores(row, out) writes when they are
// needed, one row at a time a thread; -infinity and NaN are never listed. Order and ends of lists
// as above.
TopK top_k_of(int64_t rows, int64_t columns, int64_t k, const RowFilter& filter,
              const std::function<void(int64_t row, std::span<float> out)>& scores);

}  // namespace vistas::search
