// A method says what is compared with what, in two steps: views to embeddings, embeddings to loss.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "vistas/learn/batch.h"
#include "vistas/learn/encoder.h"

namespace vistas::learn {

// Embeddings of a batch: `live` ones carry gradients, `fixed` ones (teacher, stop-gradient) do not.
// Between embed() and loss() the trainer widens both to float32.
struct Embeddings {
  std::vector<at::Tensor> live, fixed;
};

struct Progress {
  int64_t step = 0;       // finished optimiser steps
  int64_t total = 1;      // steps of the whole run
  int64_t per_epoch = 1;  // steps of an epoch

  double epochs() const { return static_cast<double>(step) / static_cast<double>(per_epoch); }
};

// How a collapse of a method shows, besides embeddings that hardly differ.
struct Collapse {
  double loss = std::numeric_limits<double>::quiet_NaN();  // where the loss stays, if anywhere
  std::string meaning{};                                   // "ln(prototypes): ..."
  std::string cure{};                                      // one sentence; empty: the general one
  bool possible = true;  // false: no embeddings are compared, only the loss is watched
};

class Method : public torch::nn::Module {
 public:
  // Called before every step; schedules inside the method are functions of it.
  void begin_step(const Progress& progress) { progress_ = progress; }

  virtual Embeddings embed(const Batch& batch) = 0;
  // A scalar. The batch has no views any more.
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
  // Whether samples of the anchor's class are none: negatives() is then the most there can be.
  virtual bool spares_own_class() const { return false; }
  // Embeddings of earlier batches that the loss compares with.
  virtual int64_t remembered() const { return 0; }
  // Whether a parameter's learning rate stays at its peak instead of following the schedule.
  virtual bool keeps_peak_rate(const std::string& /*parameter*/) const { return false; }
  virtual Collapse collapse() const { return {}; }

 protected:
  const Progress& progress() const { return progress_; }  // of the step at hand

 private:
  Progress progress_;
  bool replaying_ = false;
};

}  // namespace vistas::learn
