// What the losses on rows share: checks, pairs by label, distances, log-sum-exp over a mask.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "vistas/contrast/similarity.h"

namespace vistas::contrast {

// Throws a usage error of `loss` unless all tensors are floating-point matrices [N, D] of one shape
// with N >= least_rows, on one device, and either all or none of them float64.
void check_alike(const std::string& loss, const std::vector<at::Tensor>& rows,
                 int64_t least_rows = 1);

// Throws a usage error of `loss` unless `values` holds one number for each row of z [N, D].
void check_values(const std::string& loss, const std::string& name, const at::Tensor& values,
                  const at::Tensor& z);

// As check_values, for labels: integers.
void check_labels(const std::string& loss, const at::Tensor& labels, const at::Tensor& z);

// Throws a usage error unless the option `name` is finite and above 0.
void check_positive(const std::string& name, double value);

// Ordered pairs (i, j), i != j, of rows with the same label and with different labels: [N, N] bool.
struct LabelPairs {
  at::Tensor positive, negative;
};
LabelPairs label_pairs(const at::Tensor& labels);

// How far apart two rows are: 1 - cosine, or the negative of any other similarity; `normalize`
// compares rows of length one. distances: x [A, D], y [B, D] -> [A, B]; row_distances: row i with
// row i, x, y [N, D] -> [N]. Both differentiable, in float32 or float64.
at::Tensor distances(const at::Tensor& x, const at::Tensor& y, Similarity kind, bool normalize);
at::Tensor row_distances(const at::Tensor& x, const at::Tensor& y, Similarity kind, bool normalize);

// log of the sum of exp(x_ij) over the members j of row i, [N, M] -> [N]. A row without members is
// -1e30: far below every real value, and without the not-a-numbers that infinities make.
at::Tensor masked_log_sum_exp(const at::Tensor& x, const at::Tensor& members);

// log(1 + exp(x)), exact in float64 too.
at::Tensor soft_plus(const at::Tensor& x);

// What a mean is taken over: every term, or those above zero.
enum class MeanOver { all, nonzero };
std::vector<std::pair<std::string, MeanOver>> mean_over_names();

// The mean of terms >= 0; 0 if there are none.
at::Tensor mean_of(const at::Tensor& terms, MeanOver over);

}  // namespace vistas::contrast
