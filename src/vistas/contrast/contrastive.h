// The pairwise contrastive loss of Siamese networks.
#pragma once

#include <ATen/core/Tensor.h>

#include "vistas/base/options.h"
#include "vistas/contrast/similarity.h"

namespace vistas::contrast {

struct ContrastiveOptions {
  double margin = 1;
  double positive_margin = 0;
  bool squared = true;
  Similarity similarity = Similarity::euclidean;
  bool normalize = true;

  void fields(Fields& f) {
    f.add("margin", margin, "distance from which a negative pair costs nothing", {0, 1e6});
    f.add("positive_margin", positive_margin, "distance up to which a positive pair costs nothing",
          {0, 1e6});
    f.add("squared", squared, "half the square of what is too far or too near, else the value");
    f.add("similarity", similarity, "how two embeddings are compared", similarity_names());
    f.add("normalize", normalize, "compare embeddings of length one");
  }
};

// Pulls positive pairs together and pushes negative ones beyond the margin m: with D the distance
// of a pair (1 - cosine, or the negative of any other similarity), y its target, 1 for positive and
// 0 for negative, and h(x) = max(0, x)^2 / 2 or, not squared, max(0, x):
//
//   loss = mean_i  y_i h(D_i - positive_margin) + (1 - y_i) h(m - D_i)
//
// x_0, x_1 [N, D], target [N]; a pair of equal rows has gradient 0. Returns a scalar. float64 is
// kept, everything else is computed in float32. Throws a usage error for shapes that do not match.
// Published with the Euclidean distance of raw embeddings (Hadsell et al., "Dimensionality
// reduction by learning an invariant mapping", 2006, eq. 4); cosine with margin 0.5 is usual for
// sentences.
at::Tensor contrastive(const at::Tensor& x_0, const at::Tensor& x_1, const at::Tensor& target,
                       const ContrastiveOptions& options = {});

// The same over all pairs of rows of z [N, D]: positive if their labels [N] are equal. The mean of
// the positive terms above zero plus the mean of the negative terms above zero, so that the many
// easy pairs do not dilute the others. Without pairs of a kind its mean is 0.
// Published with the Euclidean distance of unit rows, not squared, margin 1 (Musgrave et al., "A
// metric learning reality check", 2020).
at::Tensor contrastive_by_labels(const at::Tensor& z, const at::Tensor& labels,
                                 const ContrastiveOptions& options = {});

}  // namespace vistas::contrast
