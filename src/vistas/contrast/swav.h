// SwAV: a view predicts the cluster codes of the other views.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "vistas/base/options.h"

namespace vistas::contrast {

struct SinkhornOptions {
  double epsilon = 0.05;
  int64_t iterations = 3;

  void fields(Fields& f) {
    f.add("epsilon", epsilon, "divides the scores; large makes the codes soft", {1e-4, 1e2});
    f.add("iterations", iterations, "normalisations of prototypes and samples", {1, 1000});
  }
};

// Soft cluster codes that use all prototypes alike: starting from Q = exp(scores / epsilon),
// repeatedly scales the columns to one sum, then the rows to sum 1.
//
// scores [B, K] -> codes [B, K], rows sum to 1, without gradient. In logarithms: no score is too
// large or epsilon too small. float64 is kept, everything else is computed in float32.
// Caron et al., "Unsupervised learning of visual features by contrasting cluster assignments",
// 2020, eq. 3-5; Cuturi, "Sinkhorn distances", 2013, algorithm 1.
at::Tensor sinkhorn(const at::Tensor& scores, const SinkhornOptions& options = {});

// Scores unit(z) prototypes^T of embeddings z [B, D] against prototypes [K, D], whose rows the
// caller keeps at length one: [B, K].
at::Tensor prototype_scores(const at::Tensor& z, const at::Tensor& prototypes);

struct SwavOptions {
  double temperature = 0.1;
  SinkhornOptions sinkhorn;

  void fields(Fields& f) {
    f.add("temperature", temperature, "divides the scores of predictions", {1e-4, 1e4});
    f.group("sinkhorn", sinkhorn);
  }
};

// The scalar, and the codes [B, K] of the global views.
struct SwavLoss {
  at::Tensor loss;
  std::vector<at::Tensor> codes;
};

// Every view predicts the codes of every other global view:
//
//   loss = mean over global i, any j != i, of mean_b -sum_k codes_i[b, k] log softmax_k(
//   scores_j[b, k] / T ),     codes_i = sinkhorn(scores_i)
//
// `scores` [B, K] of all views, the `global_views` first; `queue`, if not empty, holds for each
// global view scores [Q, K] of earlier embeddings, which take part in the codes only. No gradient
// through codes and queue. ln(K) is the loss of a collapsed encoder. float64 is kept, everything
// else is computed in float32. Throws a usage error for shapes that do not match.
// Caron et al., 2020, eq. 1-2 and section 3.3 (multi-crop).
SwavLoss swav(const std::vector<at::Tensor>& scores, size_t global_views,
              const std::vector<at::Tensor>& queue = {}, const SwavOptions& options = {});

}  // namespace vistas::contrast
