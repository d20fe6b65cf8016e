// What the losses of the softmax family share. Logits are similarities divided by a temperature;
// all of them are written as log-sum-exps of negatives and log1p_exp of a difference, which keeps
// the digits of losses near 0 where -log(softmax) would lose them.
#pragma once

#include <ATen/core/Tensor.h>

namespace vistas::contrast {

// log sum_j exp(s_ij) over the columns j that are not left out: s [N, M] -> [N]. A row with all
// columns left out gives -inf and gets no gradient. left_out bool [N, M] may be undefined.
// Gradients are of first order only.
at::Tensor log_sum_exp(const at::Tensor& s, const at::Tensor& left_out = {});

// log(1 + exp(x)), exact to rounding at both ends.
at::Tensor log1p_exp(const at::Tensor& x);

// Mean of the elements of x where `counts`; 0 if there are none.
at::Tensor mean_where(const at::Tensor& counts, const at::Tensor& x);

// Which of the rows of x are the same thing, bool [N, N]: those of equal `group` [N], or only each
// row itself if that is undefined. A group is checked; errors begin with `loss`.
at::Tensor same_thing(const char* loss, const at::Tensor& group, const at::Tensor& x);

// The mean over rows of -log softmax of logits s [N, M], M >= N, at the diagonal:
//   mean_i log(1 + sum_j exp(s_ij - s_ii))  over all columns j that are not the `same` thing
// Columns beyond N are negatives of every row. same [N, N] contains the diagonal.
at::Tensor diagonal_cross_entropy(const at::Tensor& s, const at::Tensor& same);

}  // namespace vistas::contrast
