// The linear probe: what a linear classifier reads off frozen features.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "vistas/measure/labels.h"
#include "vistas/measure/logistic.h"

namespace vistas::measure {

struct LinearProbeOptions {
  std::vector<double> weight_decays = {1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1};
  double held_out = 0.2;         // share of the training set that chooses the weight decay
  bool standardise = true;       // scale every feature to mean 0 and standard deviation 1
  int64_t max_iterations = 300;  // of L-BFGS, for each weight decay
  int64_t seed = 0;              // draws the held-out rows
};

// By SGD, as the published linear evaluations do it (MoCo, SimCLR, SimSiam: 90 or 100 epochs).
struct SgdProbeOptions {
  std::vector<double> learning_rates = {0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1};
  std::vector<double> weight_decays = {0, 1e-5, 1e-4, 1e-3};
  double held_out = 0.2;
  LogisticSgdOptions sgd;  // its seed draws the held-out rows too
};

struct LinearProbeResult {
  ClassificationScores test;
  double train_top1 = 0;
  double weight_decay = 0;            // the one chosen
  double learning_rate = 0;           // of SGD: the one chosen
  std::vector<double> held_out_top1;  // of each setting; empty if nothing was held out
  int64_t held_out_rows = 0;
  bool converged = false;  // of the final fit by L-BFGS
};

// Multinomial logistic regression (mean cross-entropy + weight_decay / 2 |W|^2, see logistic.h).
// Every weight decay is fitted by L-BFGS on the training rows less a stratified held-out part, the
// most accurate there (ties: the larger) is fitted again on all training rows and tested. There is
// no learning rate to sweep, as there is with SGD, because L-BFGS runs to the minimum. If no class
// has two rows, nothing can be held out and the middle of the list is used.
// train [N, D], test [M, D]; labels in 0 .. classes-1.
LinearProbeResult linear_probe(const at::Tensor& train, const at::Tensor& train_labels,
                               const at::Tensor& test, const at::Tensor& test_labels,
                               int64_t classes, const LinearProbeOptions& options = {});

// The same classifier by SGD (fit_logistic_sgd): every pair of a learning rate and a weight decay
// is trained on the training rows less the held-out part, the pair most accurate there (ties: the
// smaller learning rate, then the larger decay) once more on all training rows, and tested.
// held_out_top1[l * weight_decays + w]. If nothing can be held out, the middle of both lists.
LinearProbeResult sgd_linear_probe(const at::Tensor& train, const at::Tensor& train_labels,
                                   const at::Tensor& test, const at::Tensor& test_labels,
                                   int64_t classes, const SgdProbeOptions& options = {});

}  // namespace vistas::measure
