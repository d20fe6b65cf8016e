// BPR: a user's item must score higher than an item drawn at random.
#pragma once

#include <ATen/core/Tensor.h>

#include "vistas/base/options.h"
#include "vistas/contrast/similarity.h"

namespace vistas::contrast {

struct BprOptions {
  double l2 = 0;
  Similarity similarity = Similarity::dot;

  void fields(Fields& f) {
    f.add("l2", l2, "weight of the squared lengths of the rows", {0, 1e3});
    f.add("similarity", similarity, "how user and item are compared", similarity_names());
  }
};

// Bayesian personalised ranking of triples (user, positive item, negative item):
//
//   loss = mean_i ( -log sigmoid(s(u_i, p_i) - s(u_i, n_i)) + l2 / 2 (|u_i|^2 + |p_i|^2 + |n_i|^2)
//   )
//
// users u, positives p, negatives n [N, D]. Types, precision and errors as nt_xent. The literature
// uses dot.
// Rendle et al., "BPR: Bayesian personalized ranking from implicit feedback", 2009, section 4.
at::Tensor bpr(const at::Tensor& users, const at::Tensor& positives, const at::Tensor& negatives,
               const BprOptions& options = {});

}  // namespace vistas::contrast
