// NT-Xent that allows for false negatives among the negatives and can weight hard ones more.
#pragma once

#include <ATen/core/Tensor.h>

#include "vistas/base/options.h"
#include "vistas/contrast/similarity.h"

namespace vistas::contrast {

struct DebiasedOptions {
  double temperature = 0.5;
  double tau_plus = 0.1;
  double beta = 0;
  Similarity similarity = Similarity::cosine;

  void fields(Fields& f) {
    f.add("temperature", temperature, "divides the similarities; small is sharp", {1e-4, 1e4});
    f.add("tau_plus", tau_plus, "share of negatives that are of the anchor's class", {0, 0.99});
    f.add("beta", beta, "how much more hard negatives weigh; 0: all alike", {0, 100});
    f.add("similarity", similarity, "how two embeddings are compared", similarity_names());
  }
};

// Every row of Z = [z_a; z_b] must find its partner p(i) among n negatives, the 2N - 2 rows of
// other samples or those of another group, of which a share tau_plus is expected to be positive.
// With e_j = exp(s(i, j) / T):
//
//   R = sum_j w_j e_j,   w_j = e_j^beta / mean_k e_k^beta        (over the negatives of i)
//   G = max( (R - tau_plus n e_p(i)) / (1 - tau_plus),  n e_min )
//   loss = mean_i  -log( e_p(i) / (e_p(i) + G) )
//
// e_min is the least that e can be, exp(-1 / T) of the cosine; for other similarities, which have
// no bound, it is the least in the batch, without gradient. beta = 0 is the debiased loss, beta > 0
// the one with hard negatives; gradients flow through w. z_a, z_b [N, D]; `group` [N] int64 may be
// undefined: rows of equal group are no negatives of each other. A row without negatives has loss
// 0. Types, precision and errors as nt_xent. The literature uses cosine with T = 0.5. Chuang et
// al., "Debiased contrastive learning", 2020, eq. 8; Robinson et al., "Contrastive learning with
// hard negative samples", 2021, eq. 4.
at::Tensor debiased_nt_xent(const at::Tensor& z_a, const at::Tensor& z_b,
                            const DebiasedOptions& options = {}, const at::Tensor& group = {});

}  // namespace vistas::contrast
