// Tables of rows of which a batch uses few: means of rows, and gradients of the rows that occur.
#pragma once

#include <ATen/core/Tensor.h>

namespace vistas::learn {

// Bags of row numbers below each other: bag b is rows[offsets[b] .. offsets[b + 1]). int64 on the
// CPU; rows [N], offsets [B + 1]. A bag may be empty.
struct Bags {
  at::Tensor rows, offsets;
};

// The mean of the rows of each bag, zero for an empty one:
//
//   y_b = 1 / n_b  sum over k in bag b of table[rows_k]
//
// table [V, D] floating-point, y [B, D] in its type and on its device. The gradient of the table is
// a coalesced sparse tensor: the rows that occur in ascending order, each summed in the order of
// bags. Both are the same bits for any number of threads; nothing is as large as the table. Throws
// a data error for a number below 0 or not below V. Gradients are of first order only.
at::Tensor bag_means(const at::Tensor& table, const Bags& bags);

// A sparse gradient [V, D] with its row numbers ascending and each once: as it is where they are,
// otherwise rows of a number are summed in the order in which they stand.
struct SparseRows {
  at::Tensor ids, values;  // [U] int64, [U, D]
};
SparseRows sparse_rows(const at::Tensor& gradient);

}  // namespace vistas::learn
