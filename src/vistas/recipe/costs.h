// What training costs, measured on a few of its steps.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "vistas/recipe/training.h"

namespace vistas::recipe {

// Of a training of this process, in bytes.
struct MemoryParts {
  int64_t program = 0;      // the program and the opened data
  int64_t parameters = 0;   // with statistics of batch norms and teachers
  int64_t gradients = 0;    // of parameters
  int64_t optimizer = 0;    // moments
  int64_t remembered = 0;   // queues, memories, centres
  int64_t activations = 0;  // what else a step takes: views that wait, activations, the loss
  int64_t peak = 0;         // the sum; in a group that of the process that takes most
};

struct Costs {
  MemoryParts memory;
  double seconds_per_step = 0, seconds_per_score = 0;
  double spent = 0;  // seconds of measuring
  int64_t steps = 0, steps_per_epoch = 0, scores = 0;
  int64_t disk = 0, checkpoints = 0;  // bytes of all checkpoints that are kept, their number
  int64_t parameters = 0;
  std::string negatives{};  // negatives_text()
  int64_t negatives_per_anchor = 0;
  bool recomputable = false;  // whether train.recompute changes anything

  double seconds_per_epoch() const;
  double seconds() const;  // of the whole run, scores included
};

// Times steps of training.parts() for a few seconds, at most `steps` after one to warm up.
Costs measure_costs(Training& training, int64_t steps = 50);

// How a training stays below a limit of memory.
struct Fit {
  int64_t micro_batch = 0;  // 0: the whole batch at once
  bool recompute = false;
  int64_t memory = 0;  // measured peak, bytes
};

// The first of these whose measured peak stays below `limit` bytes: the whole batch at once; with
// activations recomputed, which changes no bit; in micro-batches as large as fit, which batch norm
// sees; in micro-batches with activations recomputed, where others would be of less than 32
// samples. It measures with few samples first, so that nothing exceeds the limit by far, and
// `progress` says with how many. In a group the limit is that of each process, and the peak that of
// the one that takes most. A usage error that names the least that was reached where nothing fits.
Fit fit_memory(Training& training, int64_t limit,
               const std::function<void(const std::string&)>& progress);

// Negatives an anchor: "510", or "at most 510" where it depends on the classes in the batch.
std::string negatives_text(const learn::Trainer& trainer, const Training& training, int64_t batch);

}  // namespace vistas::recipe
