// What queue and memory share: rows that are overwritten in turn.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace vistas::contrast {

// Usage errors for a ring without rows or columns, and for rows z that do not fit [K, D] `rows`.
void check_ring(int64_t capacity, int64_t dim);
void check_new_rows(const at::Tensor& z, const at::Tensor& rows);

// The places of the last M = min(n, capacity) of n new rows: [M] int64; pushed [1] counts the rows
// so far.
at::Tensor ring_places(const at::Tensor& pushed, int64_t n, int64_t capacity);

// The rows of z that take these places.
at::Tensor last_rows(const at::Tensor& z, const at::Tensor& places);

}  // namespace vistas::contrast
