// Embeddings in fewer bytes.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace vistas::search {

// x[i][d] is about values[i][d] * scale[d] + offset[d].
struct Int8Rows {
  at::Tensor values;         // int8 [N, D]
  at::Tensor scale, offset;  // float32 [D]
};

// Each column of x [N, D] by its own range: offset = (min + max) / 2, scale = (max - min) / 254, so
// that no value is off by more than half a scale. A constant column has scale 0.
Int8Rows to_int8(const at::Tensor& x);

// The float32 rows again.
at::Tensor from_int8(const Int8Rows& rows);

// A bit for each value, 1 where it is above 0: uint8 [N, (D + 7) / 8], the first column in the
// highest bit of the first byte, unused bits 0 (NumPy's packbits).
at::Tensor to_bits(const at::Tensor& x);

// The first `dims` columns, rows made unit vectors again; zero rows stay. As many columns as there
// are or fewer, otherwise a usage error. Kusupati et al., "Matryoshka representation learning",
// 2022.
at::Tensor truncate_dims(const at::Tensor& x, int64_t dims);

}  // namespace vistas::search
