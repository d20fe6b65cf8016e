// A method says what is compared with what, in two steps: views to embeddings, embeddings to loss.
#pragma once

#include <torch/nn/module.h>

#include <memory>
#include <vector>

#include "vistas/learn/batch.h"
#include "vistas/learn/encoder.h"

namespace vistas::learn {

// Embeddings of a batch: `live` ones carry gradients, `fixed` ones (teacher, stop-gradient) do not.
struct Embeddings {
  std::vector<at::Tensor> live, fixed;
};

struct Progress {
  int64_t step = 0;   // finished optimiser steps
  int64_t total = 0;  // steps of the whole run
};

class Method : public torch::nn::Module {
 public:
  virtual Embeddings embed(const Batch& batch) = 0;
  // A scalar. The batch has no views where it was embedded in micro-batches.
  virtual at::Tensor loss(const Embeddings& embeddings, const Batch& batch) = 0;
  virtual void after_step(const Progress&) {}  // teachers, queues

  // Whether embed() is called once more on a micro-batch it has seen in this step. Then only live
  // embeddings are used: teachers have nothing to do, and buffers keep their values.
  bool replaying() const { return replaying_; }
  void set_replaying(bool on) { replaying_ = on; }

  // The encoder that is evaluated and handed on.
  virtual std::shared_ptr<Encoder> encoder() const = 0;
  // Negatives each anchor is compared with in a batch of `batch` samples; 0 if there are none.
  virtual int64_t negatives(int64_t batch) const = 0;

 private:
  bool replaying_ = false;
};

}  // namespace vistas::learn
