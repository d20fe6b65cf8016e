// What every search and measure expects of a tensor of features.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace vistas::search {

// `features` as a contiguous float32 tensor [N, D] on the CPU, N and D at least 1. `name` ("bank",
// "test features") appears in errors. A value that is not finite is a numeric error naming its row.
at::Tensor as_features(const at::Tensor& features, const std::string& name);

}  // namespace vistas::search
