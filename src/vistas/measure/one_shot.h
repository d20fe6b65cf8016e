// Few-shot classification by the nearest example.
#pragma once

#include <ATen/core/Tensor.h>

namespace vistas::measure {

// The share of queries whose nearest support row by cosine similarity (ties by lower index) has
// their label. support [S, D] with labels [S], queries [Q, D] with labels [Q]; labels >= 0. With
// one row a class this is one-shot accuracy. Lake et al., Science 350 (2015).
double nearest_example_accuracy(const at::Tensor& support, const at::Tensor& support_labels,
                                const at::Tensor& queries, const at::Tensor& query_labels);

}  // namespace vistas::measure
