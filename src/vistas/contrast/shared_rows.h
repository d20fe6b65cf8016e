// Work over rows, shared by partners that hold the same data.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace vistas::contrast {

// What rows [begin, end) give, a function of `inputs` through which gradients pass.
using PartOfRows =
    std::function<at::Tensor(int64_t begin, int64_t end, const std::vector<at::Tensor>& inputs)>;

// part(0, rows, inputs), a sum over rows as a scalar. Where partners share work (search/partners.h)
// and `products` of two numbers are enough of it, each does that of its rows, and sums and
// gradients are summed.
at::Tensor sum_of_rows(int64_t rows, int64_t products, const std::vector<at::Tensor>& inputs,
                       const PartOfRows& part);

// part(0, rows, inputs) with a row for each, shared in the same way: the rows are gathered.
at::Tensor each_of_rows(int64_t rows, int64_t products, const std::vector<at::Tensor>& inputs,
                        const PartOfRows& part);

}  // namespace vistas::contrast
