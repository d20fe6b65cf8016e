// A sparse symmetric matrix times a table of rows: one step of propagation over a graph.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace vistas::learn {

// What a device other than the CPU multiplies with.
struct MatrixOnDevice {
  at::Tensor starts, columns, values;
};

// Row r has values[k] in column columns[k] for k in starts[r] .. starts[r + 1] - 1; the value at
// (r, c) is that at (c, r). Matrices that differ in values share the rest.
struct SymmetricMatrix {
  std::shared_ptr<const std::vector<int64_t>> starts;   // N + 1
  std::shared_ptr<const std::vector<int32_t>> columns;  // non-zeros
  std::shared_ptr<const std::vector<float>> values;     // non-zeros
  // Filled by the first product there.
  std::shared_ptr<MatrixOnDevice> elsewhere = std::make_shared<MatrixOnDevice>();

  int64_t size() const { return static_cast<int64_t>(starts->size()) - 1; }
};

// y = A x with x [N, D] in float32, bfloat16 (sums in float32) or float64, y in its type. As A is
// symmetric the gradient A g is the same product. On the CPU the same bits for any number of
// threads: each row is summed in the order of its columns; on another device it is LibTorch's
// embedding_bag. Where rows have 128 values and more, processes of a group, which must all hold the
// same x, compute some columns of y each and get all.
// Data error for another number of rows.
at::Tensor symmetric_product(const SymmetricMatrix& a, const at::Tensor& x);

}  // namespace vistas::learn
