// Bilateral softmax: softmax without the positive among its negatives, with an exponent on them.
#pragma once

#include <ATen/core/Tensor.h>

#include "vistas/base/options.h"
#include "vistas/contrast/similarity.h"

namespace vistas::contrast {

struct BslOptions {
  double temperature = 0.1;
  double exponent = 1;
  Similarity similarity = Similarity::cosine;
  bool bf16 = false;

  void fields(Fields& f) {
    f.add("temperature", temperature, "divides the similarities; small is sharp", {1e-4, 1e4});
    f.add("exponent", exponent, "of the sum over the negatives; 1: SL", {1e-3, 1e3});
    f.add("similarity", similarity, "how query and item are compared", similarity_names());
    f.add("bf16", bf16, kBf16Help);
  }
};

// Query i against the items of the batch, its own left out of the sum:
//
//   loss = mean_i ( -s(q_i, x_i) / T + c log sum_{j != i} exp(s(q_i, x_j) / T) )
//
// q, items x [N, D], N >= 2, c the exponent; `group` [N] int64, which may be undefined, as
// in_batch_softmax. A query without a negative has its first term alone. Types, precision and
// errors as nt_xent. The literature uses cosine with T about 0.1. Wu et al., "BSL: understanding
// and improving softmax loss for recommendation", ICDE 2024, with the exponent on the negatives as
// in their code; c = 1 is their SL.
at::Tensor bsl(const at::Tensor& q, const at::Tensor& items, const BslOptions& options = {},
               const at::Tensor& group = {});

}  // namespace vistas::contrast
