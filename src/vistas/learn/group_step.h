// What several processes add to a training step: the loss is that of the batch of all of them, and
// all of them get its gradients.
#pragma once

#include <memory>
#include <vector>

#include "vistas/learn/gradient_cache.h"
#include "vistas/learn/group.h"
#include "vistas/learn/tensors.h"

namespace c10d {
class Reducer;
}

namespace vistas::learn {

// The rows of all processes below each other, by rank; of one process alone those of `own`.
struct GatheredBatch {
  Batch batch;                 // without views
  Embeddings embeddings;       // the live ones are leaves that require gradients
  std::vector<int64_t> begin;  // of this process's rows in each live one
};
GatheredBatch gather(const EmbeddedBatch& own);

// After backward() of the loss of all rows, which every process has taken: grad() of the live
// embeddings of `own` is the gradient of `size` times the loss. The mean over processes of what
// they send back into the network is then the gradient of the loss.
void hand_back(const GatheredBatch& whole, EmbeddedBatch& own);

// Makes the gradients of parameters those of all processes, by c10d::Reducer: in buckets that
// travel while the last backward pass of a step is still under way. For one process alone it does
// nothing.
class GradientExchange {
 public:
  explicit GradientExchange(NamedTensors parameters);
  ~GradientExchange();

  // After backward() of the loss: gradients of parameters that the loss itself uses are whole in
  // every process already and wait.
  void keep_loss_gradients();
  // Before the last backward pass through the network, which begins at `outputs`.
  void begin(const std::vector<at::Tensor>& outputs);
  // After it: all gradients are the same in all processes.
  void finish();

 private:
  void make_reducer();

  NamedTensors parameters_;
  std::vector<at::Tensor> of_loss_;  // by parameter; may be undefined
  std::vector<bool> reduced_;        // by parameter, whether reducer_ has it
  std::unique_ptr<c10d::Reducer> reducer_;
  bool begun_ = false;
};

}  // namespace vistas::learn
