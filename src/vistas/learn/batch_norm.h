// Batch normalisation with what usually follows it in one go.
#pragma once

#include <ATen/core/Tensor.h>

namespace vistas::learn {

struct BatchNormState {
  at::Tensor weight, bias;               // [C], undefined: 1 and 0
  at::Tensor running_mean, running_var;  // [C]
};

struct BatchNormOptions {
  bool training = true;
  double momentum = 0.1;
  double eps = 1e-5;
  bool relu = false;
};

// y = (x - mean) / sqrt(var + eps) weight + bias, then + residual where one is given, then ReLU
// where asked for. x, residual [B, C] or [B, C, H, W].
//
// In training mean and (biased) var are those of the batch, of all processes of the group, and the
// running statistics move by `momentum` towards them (variance unbiased); otherwise they are the
// running statistics. Throws a usage error for a training batch of one value a channel in one
// process. Ioffe and Szegedy, "Batch normalization", 2015.
at::Tensor batch_norm_act(const at::Tensor& x, const BatchNormState& state,
                          const BatchNormOptions& options, const at::Tensor& residual = {});

// While alive, training on this thread moves running statistics by 1 - (1 - momentum)^share. With
// share 1 / n, n micro-batches move them as far as one batch; with 0 they rest.
class RunningStatisticsShare {
 public:
  explicit RunningStatisticsShare(double share);
  ~RunningStatisticsShare();
  RunningStatisticsShare(const RunningStatisticsShare&) = delete;
  RunningStatisticsShare& operator=(const RunningStatisticsShare&) = delete;

  static double current();  // 1 where no scope is alive

 private:
  double before_;
};

}  // namespace vistas::learn
