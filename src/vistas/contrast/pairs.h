// What the losses on pairs of rows share: checks, pairs by label, distances, means.
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

// What a mean is taken over: every term, or those above zero.
enum class MeanOver { all, nonzero };
std::vector<std::pair<std::string, MeanOver>> mean_over_names();

// The mean of one or more terms >= 0; 0 if it is over those above zero and none is.
at::Tensor mean_of(const at::Tensor& terms, MeanOver over);

}  // namespace vistas::contrast
