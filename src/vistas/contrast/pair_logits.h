// What losses over all pairs need of the logits, differentiable and without the matrix of logits.
// Memory grows with the rows; gradients are of first order only.
#pragma once

#include <ATen/core/Tensor.h>

#include "vistas/contrast/similarity.h"

namespace vistas::contrast {

// Whether similarities of this kind have the form without a matrix: cosine and dot.
bool has_pair_logits(Similarity kind);

// The rest is for cosine and dot.
struct PairOptions {
  bool cosine = true;  // else dot
  bool bf16 = false;   // see PairSet
};

// Of a loss with these options, and its scale 1 / temperature, float64.
PairOptions pair_options(Similarity kind, bool bf16);
at::Tensor pair_scale(double temperature);

// Logits s = scale * similarity. All are float64, whatever the type of the rows.
struct PairLogits {
  at::Tensor target;         // s of the positives
  at::Tensor rows, columns;  // log sum exp(s) over the negatives; -inf without one
};

// The mean over rows of log(1 + exp(rows - target)): cross entropy of finding the positive among
// all. With columns, the mean of that and of theirs.
at::Tensor diagonal_cross_entropy(const PairLogits& s);

// Rows z = [a; b] among themselves: target [N] of the pairs (a_i, b_i), rows [2N] over all j that
// are neither i nor its partner, nor of its `group` [N] int64, if that is defined; no columns.
// a, b [N, D]; scale is one number and gets a gradient if it requires one.
PairLogits view_logits(const at::Tensor& a, const at::Tensor& b, const at::Tensor& scale,
                       const at::Tensor& group, const PairOptions& options);

// Queries against keys: target [N] of the pairs (q_i, k_i), rows [N] over all k_j and all rows of
// `more` [M, D], if that is defined, that are not k_i nor of the group of i. If wanted, columns [N]
// over all queries. Where neither k nor `more` requires a gradient nor columns are wanted, all is
// done in one pass.
PairLogits tower_logits(const at::Tensor& q, const at::Tensor& k, const at::Tensor& more,
                        const at::Tensor& scale, const at::Tensor& group, bool columns,
                        const PairOptions& options);

// Queries against a queue without any gradient: target [N] of the pairs (q_i, k_i), rows [N] over
// the rows of `queue` [M, D]. One pass.
PairLogits queue_logits(const at::Tensor& q, const at::Tensor& k, const at::Tensor& queue,
                        const at::Tensor& scale, const PairOptions& options);

// Rows z [N, D] with labels [N] int64: target [N] is the mean over the other rows of the same label
// (0 if there are none), rows [N] over all j != i but an only positive.
PairLogits label_logits(const at::Tensor& z, const at::Tensor& labels, double scale,
                        const PairOptions& options);

// How many other rows have the label of a row, float64 [N].
at::Tensor others_of_label(const at::Tensor& labels);

// sum_i log(1 + exp(-S_ii)) + sum_{j != i} log(1 + exp(S_ij)) of S = scale s(q, k) + bias over
// pairs that are not of one group; float64 scalar. Scale and bias get gradients.
at::Tensor pair_sigmoids(const at::Tensor& q, const at::Tensor& k, const at::Tensor& scale,
                         const at::Tensor& bias, const at::Tensor& group,
                         const PairOptions& options);

}  // namespace vistas::contrast
