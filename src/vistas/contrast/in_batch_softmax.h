// Softmax over the items of a batch, for retrieval and recommendation.
#pragma once

#include <ATen/core/Tensor.h>

#include "vistas/base/options.h"
#include "vistas/contrast/similarity.h"

namespace vistas::contrast {

struct InBatchSoftmaxOptions {
  double temperature = 1;
  Similarity similarity = Similarity::dot;

  void fields(Fields& f) {
    f.add("temperature", temperature, "divides the similarities; small is sharp", {1e-4, 1e4});
    f.add("similarity", similarity, "how query and item are compared", similarity_names());
  }
};

// Query i must find item i among the items of the batch, corrected for how often each is there:
//
//   loss = mean_i  -log( exp(l_ii) / sum_j exp(l_ij) ),   l_ij = s(q_i, x_j) / T - log_q_j
//
// q, items x [N, D]. log_q [N], the log of the probability that item j is drawn into a batch (its
// share of the interactions), and `group` [N] int64, the identity of the items, may be undefined;
// items of equal group are no negatives of each other's queries (accidental hits). log_q gets no
// gradient. Types, precision and errors as nt_xent. The literature uses dot with T = 1 and cosine
// with T about 0.05 .. 0.1.
// Yi et al., "Sampling-bias-corrected neural modeling for large corpus item recommendations", 2019,
// eq. 5.
at::Tensor in_batch_softmax(const at::Tensor& q, const at::Tensor& items,
                            const InBatchSoftmaxOptions& options = {}, const at::Tensor& log_q = {},
                            const at::Tensor& group = {});

}  // namespace vistas::contrast
