// Softmax over a whole catalogue of items, or over some drawn from it.
#pragma once

#include <ATen/core/Tensor.h>

#include "vistas/base/options.h"
#include "vistas/contrast/similarity.h"

namespace vistas::contrast {

struct ItemSoftmaxOptions {
  double temperature = 1;
  bool bf16 = false;

  void fields(Fields& f) {
    f.add("temperature", temperature, "divides the scores; small is sharp", {1e-4, 1e4});
    f.add("bf16", bf16, kBf16Help);
  }
};

// Query i must find its item t_i among all of them, by dot products:
//
//   loss = mean_i  -log( exp(s_it) / sum_j exp(s_ij) ),   s_ij = <q_i, x_j> / T
//
// q [N, D], items x [I, D], target t [N] int64. With `drawn` [M] int64, items drawn evenly with
// replacement for all queries, the sum is exp(s_it) + I / M sum over drawn j != t_i of exp(s_ij):
// its expectation is the sum over all (a log-Q correction of even draws). There is never a matrix
// of scores; memory grows with the rows. Gradients are of first order only. Types, precision and
// errors as nt_xent; a target or drawn item below 0 or not below I is a usage error.
// All items: Klenitskiy and Vasilev, "Turning dross into gold loss: is BERT4Rec really better than
// SASRec?", 2023; drawn ones: Jean et al., "On using very large target vocabulary for neural
// machine translation", 2015.
at::Tensor item_softmax(const at::Tensor& q, const at::Tensor& items, const at::Tensor& target,
                        const ItemSoftmaxOptions& options = {}, const at::Tensor& drawn = {});

}  // namespace vistas::contrast
