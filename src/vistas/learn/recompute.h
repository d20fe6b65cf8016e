// Activation recomputation: parts of a network that keep nothing of their forward pass but what
// enters them, and go forward once more in the backward pass.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

namespace vistas::learn {

// A part of a network, a function of the tensors that enter it and of parameters.
using Segment = std::function<at::Tensor(const std::vector<at::Tensor>& inputs)>;

// segment(inputs). Where a RecomputeScope is on and gradients are wanted, its activations are made
// anew in the backward pass: from the same numbers of the default random generator, under the same
// autocast, with running statistics at rest, so that values and gradients are the same to the last
// bit. Every tensor through which a gradient passes must be among `inputs` or `parameters`, all
// defined. Chen et al., "Training deep nets with sublinear memory cost", 2016.
at::Tensor recomputed(const std::vector<at::Tensor>& inputs,
                      const std::vector<at::Tensor>& parameters, const Segment& segment);

// While alive and `on`, recomputed() does so on this thread.
class RecomputeScope {
 public:
  explicit RecomputeScope(bool on);
  ~RecomputeScope();
  RecomputeScope(const RecomputeScope&) = delete;
  RecomputeScope& operator=(const RecomputeScope&) = delete;

  // Calls of recomputed() since this scope began.
  int64_t segments() const;

 private:
  bool before_;
  int64_t calls_before_;
};

}  // namespace vistas::learn
