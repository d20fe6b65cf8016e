// The arithmetic of the optimisers: threaded loops over CPU memory, tensor operations elsewhere.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace vistas::learn {

// One parameter as flat memory. All its tensors have the same memory layout.
struct Rows {
  Rows(const at::Tensor& value, const at::Tensor& grad, const std::vector<at::Tensor>& state);

  // The rows `ids` [U] of a matrix and of its state; grad [U, D] has these rows only. What the
  // tensors hold must outlive this.
  Rows(const at::Tensor& value, const at::Tensor& ids, const at::Tensor& grad,
       const std::vector<at::Tensor>& state);

  // float32 and float64 on the CPU, without holes.
  static bool can_hold(const at::Tensor& value);

  int64_t size;   // of the gradient
  int64_t width;  // of a row where there are ids, else the size
  bool is_double;
  void* value;
  const void* grad;
  void* state[2] = {nullptr, nullptr};
  const int64_t* ids = nullptr;
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

struct AdagradStep {
  double lr, weight_decay, eps;
};

// The parameters of entry i are updated with entry i of `steps`.
void sgd_rows(const std::vector<Rows>& rows, const std::vector<SgdStep>& steps);
void adam_rows(const std::vector<Rows>& rows, const std::vector<AdamStep>& steps);
void adagrad_rows(const std::vector<Rows>& rows, const std::vector<AdagradStep>& steps);

// The same updates for any device and layout.
void sgd_tensor(const SgdStep& step, const at::Tensor& value, const at::Tensor& grad,
                const std::vector<at::Tensor>& state);
void adam_tensor(const AdamStep& step, const at::Tensor& value, const at::Tensor& grad,
                 const std::vector<at::Tensor>& state);
void adagrad_tensor(const AdagradStep& step, const at::Tensor& value, const at::Tensor& grad,
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
