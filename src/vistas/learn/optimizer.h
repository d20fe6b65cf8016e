// Optimisers: SGD, Adam, AdamW, Adagrad and LARS, one multi-threaded pass over all parameters a
// step.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vistas/base/options.h"
#include "vistas/learn/tensors.h"

namespace vistas::learn {

enum class OptimizerName { sgd, adam, adamw, adagrad, lars };

// decay_first: d = g + wd p, factor eta |p| / |d| (MoCo v3, Barlow Twins, VICReg).
// decay_inside: factor eta |p| / (|g| + wd |p| + eps), none at all where wd is 0 (lightly).
enum class LarsForm { decay_first, decay_inside };

struct OptimizerOptions {
  OptimizerName name = OptimizerName::sgd;
  double weight_decay = 1e-4;
  double final_weight_decay = -1;
  bool exclude_bias_and_norm = true;
  double bias_lr_scale = 1;
  double layer_decay = 1;
  double momentum = 0.9;
  double dampening = 0;
  bool nesterov = false;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double trust_coefficient = 0.001;
  LarsForm lars_form = LarsForm::decay_first;
  bool lars_clip = false;
  bool adapt_bias_and_norm = false;

  void fields(Fields& f);
};

// Updates parameters from their gradients. "Biases and norms" are the parameters of fewer than two
// dimensions.
//
// Of a matrix with a sparse gradient only the rows that occur in it are updated, with their
// momentum, moments and decay; all others rest (lazy updates, torch.optim.SparseAdam). What depends
// on the number of steps counts all of them. LARS, which measures whole parameters, refuses such
// gradients.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  // One step with learning rate `lr`; parameters without a gradient stay as they are.
  void step(double lr);

  // Drops the gradients, so that the next backward pass writes instead of adding.
  void zero_grad();

  // sqrt(sum of squares) over all gradients.
  double gradient_norm() const;

  // Changes the weight decay of all parameters that are not excluded from it.
  void set_weight_decay(double weight_decay);

  // From now on the parameter keeps this learning rate, whatever step() is given.
  void keep_rate(const std::string& parameter, double lr);

  // Steps taken so far.
  int64_t steps() const { return steps_; }

  // The tensors a checkpoint must keep, by name ("momentum/layer1.0.conv1.weight"). They share
  // memory with the optimiser.
  NamedTensors state() const;

  // Continues where another run stood; throws a data error if names or shapes differ.
  void load_state(const NamedTensors& state, int64_t steps);

 protected:
  struct Parameter {
    std::string name;
    at::Tensor value;
    std::vector<at::Tensor> state;  // one for each of the names given to the constructor
    double weight_decay = 0;
    double lr_scale = 1;
    bool adapt = false;
    bool decays = true;
    std::optional<double> kept_lr{};
    double lr = 0;      // of the step at hand
    at::Tensor grad{};  // of the step at hand, in the memory layout of `value`
    at::Tensor ids{};   // where it was sparse: [U], the rows of `value` that `grad` [U, D] is of
  };

  Optimizer(const OptimizerOptions& options, const NamedTensors& parameters,
            std::vector<std::string> state_names);

  // Updates all parameters that have a gradient; steps_ counts this step already.
  virtual void update(const std::vector<Parameter*>& parameters) = 0;

  OptimizerOptions options_;
  int64_t steps_ = 0;

 private:
  void scale_layers();

  std::vector<std::string> state_names_;
  std::vector<Parameter> parameters_;
};

// Throws a usage error for options that contradict each other or parameters of mixed types.
std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options,
                                          const NamedTensors& parameters);

}  // namespace vistas::learn
