// NT-Xent over labelled rows.
#pragma once

#include <ATen/core/Tensor.h>

#include "vistas/contrast/nt_xent.h"

namespace vistas::contrast {

// Every ordered pair (i, p) of rows of the same label is told apart from the rows of other labels;
// other positives of i are left out of the denominator:
//
//   loss = mean_{(i, p)}  -log( exp(s(i, p) / T) / (exp(s(i, p) / T) + sum_{n in N(i)} exp(s(i, n)
//   / T)) )
//
// z [N, D], labels [N] int64. Without a positive pair the loss is 0. Types, precision and errors as
// nt_xent. The literature uses cosine. Unlike SupCon a close positive does not push the others
// away. Sohn, "Improved deep metric learning with multi-class N-pair loss objective", 2016, eq. 7
// with several positives, as metric-learning libraries write it.
at::Tensor nt_xent_labels(const at::Tensor& z, const at::Tensor& labels,
                          const NtXentOptions& options = {});

}  // namespace vistas::contrast
