// The multi-similarity loss.
#pragma once

#include <ATen/core/Tensor.h>

#include "vistas/base/options.h"
#include "vistas/contrast/similarity.h"

namespace vistas::contrast {

struct MultiSimilarityOptions {
  double alpha = 2;
  double beta = 50;
  double base = 0.5;
  bool mining = false;
  double epsilon = 0.1;
  Similarity similarity = Similarity::cosine;

  void fields(Fields& f) {
    f.add("alpha", alpha, "scale of the similarities to positives", {1e-4, 1e6});
    f.add("beta", beta, "scale of the similarities to negatives", {1e-4, 1e6});
    f.add("base", base, "similarity where pairs begin to count", {-1e6, 1e6});
    f.add("mining", mining, "leave out pairs that are already well placed");
    f.add("epsilon", epsilon, "margin of the mining", {0, 1e6});
    f.add("similarity", similarity, "how two embeddings are compared", similarity_names());
  }
};

// With s the similarities of row i to its positives P and negatives Q:
//
//   loss = mean_i log(1 + sum_{p in P} exp(-alpha (s_p - base))) / alpha
//               + log(1 + sum_{n in Q} exp(beta (s_n - base))) / beta
//
// Mining keeps the positives with s_p - epsilon < max s_n and the negatives with s_n + epsilon >
// min s_p. z [N, D], labels [N]; the mean is over all rows. Returns a scalar. float64 is kept,
// everything else is computed in float32. Throws a usage error for shapes that do not match.
// Published with cosine similarity.
// Wang et al., "Multi-similarity loss with general pair weighting for deep metric learning", 2019,
// eq. 11, 12 and 15.
at::Tensor multi_similarity(const at::Tensor& z, const at::Tensor& labels,
                            const MultiSimilarityOptions& options = {});

}  // namespace vistas::contrast
