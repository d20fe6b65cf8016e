// Is the space of embeddings in good health? Numbers that show collapse before accuracy does.
#pragma once

#include <ATen/core/Tensor.h>

namespace vistas::contrast {

// All are computed in float64, whatever the type of the tensors. Rows are samples; x, y [N, D] hold
// two views of the same N >= 2 samples. Non-finite inputs give NaN.

// mean_i |unit(x_i) - unit(y_i)|^2, 0 .. 4. Wang and Isola, "Understanding contrastive
// representation learning through alignment and uniformity on the hypersphere", 2020, eq. 2.
double alignment(const at::Tensor& x, const at::Tensor& y);

// log mean_{i < j} exp(-t |unit(x_i) - unit(x_j)|^2); smaller is more even, 0 is collapse. Eq. 3.
double uniformity(const at::Tensor& x, double t = 2);

// exp of the entropy of the singular values of x, 1 .. min(N, D).
// Garrido et al., "RankMe", 2023, eq. 1.
double rank_me(const at::Tensor& x);

// exp of the entropy of the variances along the principal axes of x, 1 .. min(N - 1, D).
double covariance_effective_rank(const at::Tensor& x);

// Mean over columns of the standard deviation of unit(x): 1/sqrt(D) if spread evenly, 0 is
// collapse.
double embedding_std(const at::Tensor& x);

// Mean length of the rows.
double mean_norm(const at::Tensor& x);

// Mean cosine of the N pairs (x_i, y_i): positives.
double positive_cosine(const at::Tensor& x, const at::Tensor& y);

// Mean cosine over the pairs i < j of rows of x: negatives.
double mean_cosine(const at::Tensor& x);

}  // namespace vistas::contrast
