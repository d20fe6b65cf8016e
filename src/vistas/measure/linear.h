// The linear probe: what a linear classifier reads off frozen features.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "vistas/base/options.h"
#include "vistas/measure/labels.h"

namespace vistas::measure {

struct LinearProbeOptions {
  std::vector<double> weight_decays = {1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1};
  double held_out = 0.2;
  bool standardise = true;
  int64_t max_iterations = 300;
  int64_t seed = 0;

  void fields(Fields& f) {
    f.add("weight_decays", weight_decays, "tried on held-out rows of the training set", {0, 1e6});
    f.add("held_out", held_out, "share of the training set that chooses the weight decay",
          {0.01, 0.9});
    f.add("standardise", standardise, "scale every feature to mean 0 and standard deviation 1");
    f.add("max_iterations", max_iterations, "of L-BFGS, for each weight decay", {1, 1e6});
    f.add("seed", seed, "draws the held-out rows", {0, 9e15});
  }
};

struct LinearProbeResult {
  ClassificationScores test;
  double train_top1 = 0;
  double weight_decay = 0;            // the one chosen
  std::vector<double> held_out_top1;  // of each weight decay; empty if nothing was held out
  int64_t held_out_rows = 0;
  bool converged = false;  // of the final fit
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

}  // namespace vistas::measure
