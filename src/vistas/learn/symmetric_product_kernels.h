// The loops of symmetric_product; used by it alone.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace vistas::learn {

// Rows [begin, end) of y = A x, `width` numbers each, a multiple of 16.
template <class T>
struct ProductRows {
  const int64_t* starts;
  const int32_t* columns;
  const float* values;
  const T* x;
  T* y;
  int64_t width, begin, end;
};

void multiply_rows(const ProductRows<float>& rows);
void multiply_rows(const ProductRows<at::BFloat16>& rows);
void multiply_rows(const ProductRows<double>& rows);

}  // namespace vistas::learn
