// Small matrices of float64 for tests of losses, and central differences.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

namespace vistas {

inline at::Tensor random(int64_t rows, int64_t columns, uint64_t seed) {
  auto generator = at::detail::createCPUGenerator(seed);
  return at::randn({rows, columns}, generator, at::kDouble);
}

inline at::Tensor matrix(std::initializer_list<double> values, int64_t columns) {
  return at::tensor(values, at::kDouble).view({-1, columns});
}

inline at::Tensor ids_of(std::initializer_list<int64_t> values) {
  return at::tensor(values, at::kLong);
}

inline void expect_central_differences(const std::function<at::Tensor()>& value, at::Tensor x,
                                       const at::Tensor& gradient, double tolerance = 1e-7) {
  const at::NoGradGuard no_grad;
  constexpr double kStep = 1e-5;
  for (int64_t i = 0; i < x.numel(); ++i) {
    double* entry = x.data_ptr<double>() + i;
    const double middle = *entry;
    *entry = middle + kStep;
    const double up = value().item<double>();
    *entry = middle - kStep;
    const double down = value().item<double>();
    *entry = middle;
    const double want = (up - down) / (2 * kStep);
    EXPECT_NEAR(gradient.view(-1)[i].item<double>(), want,
                tolerance * std::max(1.0, std::abs(want)));
  }
}

}  // namespace vistas
