// The arithmetic of the optimisers: threaded loops over CPU memory, tensor operations elsewhere.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace vistas::learn {

// One parameter as flat memory. All its tensors have the same memory layout.
struct Rows {
  Rows(const at::Tensor& value, const at::Tensor& grad, const std::vector<at::Tensor>& state);

  // float32 and float64 on the CPU, without holes.
  static bool can_hold(const at::Tensor& value);

  int64_t size;
  bool is_double;
  void* value;
  const void* grad;
  void* state[2] = {nullptr, nullptr};
};

struct SgdStep {
  double lr, weight_decay, momentum;
  double gain;  // of d in the momentum
  bool nesterov;
  double scale = 1;  // of d, by LARS
};

struct AdamStep {
  double step_size;  // lr / (1 - beta1^t)
  double shrink;     // the factor of decoupled decay
  double l2;         // decay as part of the gradient
  double beta1, beta2;
  double root_correction;  // sqrt(1 - beta2^t)
  double eps;
};

// The parameters of entry i are updated with entry i of `steps`.
void sgd_rows(const std::vector<Rows>& rows, const std::vector<SgdStep>& steps);
void adam_rows(const std::vector<Rows>& rows, const std::vector<AdamStep>& steps);

// The same updates for any device and layout.
void sgd_tensor(const SgdStep& step, const at::Tensor& value, const at::Tensor& grad,
                const std::vector<at::Tensor>& state);
void adam_tensor(const AdamStep& step, const at::Tensor& value, const at::Tensor& grad,
                 const std::vector<at::Tensor>& state);

struct Norms {
  double value;      // |p|
  double direction;  // |g + decay p|
};

// Of each value and its gradient (the same layout); independent of the number of threads.
std::vector<Norms> norms_of(const std::vector<at::Tensor>& values,
                            const std::vector<at::Tensor>& grads,
                            const std::vector<double>& decays);

}  // namespace vistas::learn
