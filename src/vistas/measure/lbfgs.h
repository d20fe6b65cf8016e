// Limited-memory BFGS with a strong-Wolfe line search, for smooth functions of some thousands of
// numbers.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace vistas::measure {

struct LbfgsOptions {
  int64_t max_iterations = 1000;
  int64_t history = 10;              // pairs of steps and gradient changes that are kept
  double gradient_tolerance = 1e-8;  // stop when no gradient element is larger
};

struct LbfgsResult {
  std::vector<double> x;
  double value = 0;
  double largest_gradient = 0;
  int64_t iterations = 0;
  int64_t evaluations = 0;
  // False if the iterations ran out. A line search that finds no lower value although the gradient
  // points down has met the precision of the function: that counts as converged.
  bool converged = false;
};

// The value at x, with the gradient written into the second argument (same length).
using Objective = std::function<double(std::span<const double>, std::span<double>)>;

// Nocedal and Wright, "Numerical optimization", 2nd edition, algorithms 7.4, 7.5, 3.5 and 3.6 with
// c1 = 1e-4, c2 = 0.9. The objective must be finite at `start`.
LbfgsResult minimise_lbfgs(std::vector<double> start, const Objective& objective,
                           const LbfgsOptions& options = {});

}  // namespace vistas::measure
