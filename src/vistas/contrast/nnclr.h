// NNCLR: the positive of a view is the nearest neighbour of the other view in a queue.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <utility>
#include <vector>

#include "vistas/base/options.h"
#include "vistas/contrast/similarity.h"

namespace vistas::contrast {

// What a neighbour is told apart from: the other predictions only, as the paper has it, or also the
// other neighbours, and in both directions, as NT-Xent.
enum class NnclrDenominator { predictions, nt_xent };

inline std::vector<std::pair<std::string, NnclrDenominator>> nnclr_denominators() {
  return {{"predictions", NnclrDenominator::predictions}, {"nt_xent", NnclrDenominator::nt_xent}};
}

struct NnclrOptions {
  double temperature = 0.1;
  NnclrDenominator denominator = NnclrDenominator::predictions;
  Similarity similarity = Similarity::cosine;

  void fields(Fields& f) {
    f.add("temperature", temperature, "divides the similarities; small is sharp", {1e-4, 1e4});
    f.add("denominator", denominator, "what a neighbour is told apart from", nnclr_denominators());
    f.add("similarity", similarity, "how two embeddings are compared", similarity_names());
  }
};

// For every row of z [N, D] the index of the most similar row of queue [K, D]: int64 [N], without
// gradient; of equally similar rows any one.
at::Tensor nearest_in_queue(const at::Tensor& z, const at::Tensor& queue,
                            Similarity kind = Similarity::cosine);

// One direction: neighbour a_i [N, D], which gets no gradient, must find prediction p_i [N, D]:
//
//   predictions:  loss = mean_i  -log( exp(s(a_i, p_i) / T) / sum_j exp(s(a_i, p_j) / T) )
//   nt_xent:      loss = nt_xent(a, p)
//
// `group` [N] int64 may be undefined: predictions of equal group are the same thing and no
// negatives of each other's neighbours. Types, precision and errors as nt_xent. The literature uses
// cosine.
at::Tensor nnclr(const at::Tensor& neighbours, const at::Tensor& predictions,
                 const NnclrOptions& options = {}, const at::Tensor& group = {});

// Both directions, (nnclr(nn(z_a), p_b) + nnclr(nn(z_b), p_a)) / 2, of projections z and
// predictions p of two views, all [N, D]; nn(z) are the rows of the queue that are most similar to
// z. Dwibedi et al., "With a little help from my friends", 2021, eq. 3 to 5.
at::Tensor nnclr(const at::Tensor& z_a, const at::Tensor& z_b, const at::Tensor& p_a,
                 const at::Tensor& p_b, const at::Tensor& queue, const NnclrOptions& options = {},
                 const at::Tensor& group = {});

}  // namespace vistas::contrast
