// Lifted structure losses: every positive pair against all negatives of both of its rows.
#pragma once

#include <ATen/core/Tensor.h>

#include "vistas/base/options.h"
#include "vistas/contrast/similarity.h"

namespace vistas::contrast {

struct LiftedStructureOptions {
  double margin = 1;
  Similarity similarity = Similarity::euclidean;
  bool normalize = true;

  void fields(Fields& f) {
    f.add("margin", margin, "distance that negatives shall keep", {0, 1e6});
    f.add("similarity", similarity, "how two embeddings are compared", similarity_names());
    f.add("normalize", normalize, "compare embeddings of length one");
  }
};

// Both take rows z [N, D] with labels [N]; D is the distance of two rows (1 - cosine, or the
// negative of any other similarity), P and Q are the positives and the negatives of a row, m is the
// margin. They return a scalar, 0 without positive or without negative pairs. float64 is kept,
// everything else is computed in float32. They throw a usage error for shapes that do not match.
// Published with the Euclidean distance of raw rows.

//   J_ij = D_ij + log( sum_{k in Q(i)} exp(m - D_ik) + sum_{k in Q(j)} exp(m - D_jk) )
//   loss = sum of max(0, J_ij)^2 over positive pairs i < j / (2 * number of those pairs)
//
// Song et al., "Deep metric learning via lifted structured feature embedding", 2016, eq. 4.
at::Tensor lifted_structure(const at::Tensor& z, const at::Tensor& labels,
                            const LiftedStructureOptions& options = {});

//   loss = mean_i max(0, log sum_{p in P(i)} exp(D_ip) + log sum_{n in Q(i)} exp(m - D_in))
//
// Rows without positives or without negatives count with 0. Hermans et al., "In defense of the
// triplet loss for person re-identification", 2017, eq. 9.
at::Tensor lifted_structure_generalized(const at::Tensor& z, const at::Tensor& labels,
                                        const LiftedStructureOptions& options = {});

}  // namespace vistas::contrast
