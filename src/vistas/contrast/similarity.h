// How alike two rows are: larger is more alike.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <utility>
#include <vector>

namespace vistas::contrast {

enum class Similarity { cosine, dot, euclidean, squared_euclidean, manhattan };

// Help of the options named bf16.
inline constexpr char kBf16Help[] =
    "round embeddings to bfloat16 for products (cosine and dot): faster, gradients off by less "
    "than 0.05 % / temperature";

// Names of the measures as options and files write them.
std::vector<std::pair<std::string, Similarity>> similarity_names();

// Rows of length one, x / max(|x|_2, 1e-12); a zero row stays zero and its gradient is zero.
// x [B, D].
at::Tensor unit_rows(const at::Tensor& x);

// The matrix of similarities [A, B] of the rows of x [A, D] and y [B, D]:
//   cosine               unit(x) unit(y)^T, 0 for a zero row
//   dot                  x y^T
//   euclidean            -|x - y|_2, exactly 0 for equal rows, where its gradient is 0
//   squared_euclidean    -|x - y|_2^2
//   manhattan            -|x - y|_1
// Inputs narrower than float32 are widened to it. Differentiable. Throws a usage error if the
// shapes do not match.
at::Tensor similarity(const at::Tensor& x, const at::Tensor& y, Similarity kind);

// The diagonal of that matrix without the rest: how alike row i of x and of y are. x, y [N, D] ->
// [N].
at::Tensor row_similarity(const at::Tensor& x, const at::Tensor& y, Similarity kind);

}  // namespace vistas::contrast
