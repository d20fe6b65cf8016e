// Multinomial logistic regression, by L-BFGS to the minimum and by SGD along a schedule.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "vistas/measure/lbfgs.h"

namespace vistas::measure {

struct LogisticOptions {
  double weight_decay = 1e-3;
  bool standardise = false;  // columns to mean 0 and standard deviation 1 first (from `features`)
  bool float64 = false;      // products in float64 instead of float32
  int64_t max_iterations = 1000;
  double gradient_tolerance = 1e-6;
};

// The weight decay at which scikit-learn's form with inverse strength C, over n rows, has the same
// minimum: C sum(ce) + |W|^2 / 2 = C n (mean(ce) + |W|^2 / (2 C n)). Of two classes it has one
// vector w where there are two here, w / 2 and -w / 2, with half its square: twice the decay.
inline double weight_decay_of_c(double c, int64_t n, int64_t classes) {
  return (classes == 2 ? 2 : 1) / (c * static_cast<double>(n));
}

// Class scores are features W' + b. Standardised models are given for unscaled features.
struct LogisticModel {
  at::Tensor weight;  // float64 [classes, D]
  at::Tensor bias;    // float64 [classes]
  double objective = 0;
  int64_t iterations = 0;
  bool converged = false;

  at::Tensor scores(const at::Tensor& features) const;  // [N, D] -> float64 [N, classes]
};

// mean over rows of cross-entropy(features W' + b, labels) + weight_decay / 2 |W|^2, with gradient.
// `parameters` is [classes, D + 1], row by row, b in the last column. features [N, D] float32 or
// float64 on the CPU, labels int64 [N].
double logistic_objective(const at::Tensor& features, const at::Tensor& labels, double weight_decay,
                          std::span<const double> parameters, std::span<double> gradient);

// The minimum of that objective; the bias is not penalised. features [N, D], labels [N] in
// 0 .. classes-1. `start`: a model to begin from, for example of a neighbouring weight decay.
LogisticModel fit_logistic(const at::Tensor& features, const at::Tensor& labels, int64_t classes,
                           const LogisticOptions& options = {},
                           const LogisticModel* start = nullptr);

// One classifier of fit_logistic_sgd: its settings of SGD.
struct SgdHead {
  double learning_rate = 0.1;
  double weight_decay = 0;
};

struct LogisticSgdOptions {
  bool standardise = true;
  int64_t epochs = 100;
  int64_t batch = 256;
  double momentum = 0.9;
  uint64_t seed = 0;  // orders the rows of every epoch
};

// The same objective by SGD from zero weights, for every head at once over the same batches:
//   v = momentum v + gradient of the batch's mean;  parameters -= rate v,
// the rate falling from learning_rate to 0 along a cosine, step by step. An epoch is a new
// permutation of all rows, its last batch whatever remains. `objective` is left at 0 and
// `converged` false; a head that diverged has weights that are not finite.
std::vector<LogisticModel> fit_logistic_sgd(const at::Tensor& features, const at::Tensor& labels,
                                            int64_t classes, std::span<const SgdHead> heads,
                                            const LogisticSgdOptions& options = {});

}  // namespace vistas::measure
