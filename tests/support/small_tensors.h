// Short ways to write the tensors of tests.
#pragma once

#include <ATen/ATen.h>

#include <initializer_list>

namespace vistas {

// Normal numbers, float64.
inline at::Tensor random(int64_t rows, int64_t columns, uint64_t seed) {
  auto generator = at::detail::createCPUGenerator(seed);
  return at::randn({rows, columns}, generator, at::kDouble);
}

inline at::Tensor matrix(std::initializer_list<double> values, int64_t columns) {
  return at::tensor(at::ArrayRef<double>(values), at::kDouble).view({-1, columns});
}

inline at::Tensor ids(std::initializer_list<int64_t> values) {
  return at::tensor(at::ArrayRef<int64_t>(values), at::kLong);
}

}  // namespace vistas
