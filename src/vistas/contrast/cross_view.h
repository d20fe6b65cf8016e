// Cross entropy of soft targets of one view with the predictions of the others: SwAV and DINO.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace vistas::contrast {

// Every view must predict the targets of every other view:
//
//   loss = mean over pairs (i, j), j != i, of mean_b -sum_k targets_i[b, k] log softmax_k(
//   logits_j[b, k] / T )
//
// `targets` are the distributions [B, K] of the first views, without gradient; `logits` [B, K]
// those of all views in the same order. Returns a scalar.
at::Tensor cross_view_entropy(const std::vector<at::Tensor>& targets,
                              const std::vector<at::Tensor>& logits, double temperature);

// Throws a usage error of `loss` unless there are 1 <= `targets` <= `views` and 2 <= `views`.
void check_views(const char* loss, size_t targets, size_t views);

}  // namespace vistas::contrast
