#include "vistas/learn/optimizer.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <regex>

#include "vistas/base/error.h"
#include "vistas/learn/embedding_bag.h"
#include "vistas/learn/optimizer_kernels.h"

namespace vistas::learn {
namespace {

// The parameters of a step, for a kernel over their memory. What that cannot hold is updated at
// once by the same arithmetic on tensors.
template <class Step>
class Pass {
 public:
  using Kernel = void (*)(const std::vector<Rows>&, const std::vector<Step>&);
  using OnTensors = void (*)(const Step&, const at::Tensor&, const at::Tensor&,
                             const std::vector<at::Tensor>&);
  Pass(Kernel kernel, OnTensors on_tensors) : kernel_(kernel), on_tensors_(on_tensors) {}

  template <class Parameter>
  void add(const Parameter& p, const Step& step) {
    const bool sparse = p.ids.defined();
    if (Rows::can_hold(p.value) && (!sparse || p.value.is_contiguous())) {
      steps_.push_back(step);
      rows_.push_back(sparse ? Rows(p.value, p.ids, p.grad, p.state)
                             : Rows(p.value, p.grad, p.state));
    } else if (sparse) {
      std::vector<at::Tensor> state;
      for (const at::Tensor& all : p.state) state.push_back(all.index_select(0, p.ids));
      const at::Tensor value = p.value.index_select(0, p.ids);
      on_tensors_(step, value, p.grad, state);
      at::Tensor(p.value).index_copy_(0, p.ids, value);
      for (size_t i = 0; i < state.size(); ++i) {
        at::Tensor(p.state[i]).index_copy_(0, p.ids, state[i]);
      }
    } else {
      on_tensors_(step, p.value, p.grad, p.state);
    }
  }
  void run() const { kernel_(rows_, steps_); }

 private:
  Kernel kernel_;
  OnTensors on_tensors_;
  std::vector<Step> steps_;
  std::vector<Rows> rows_;
};

// SGD, and LARS as SGD whose direction is scaled for each parameter:
//   d = (g + wd p) scale;  buf = momentum buf + (1 - dampening) d, without (1 - dampening) at step
//   1 p -= lr buf, or with Nesterov p -= lr (d + momentum buf)
class Sgd : public Optimizer {
 public:
  Sgd(const OptimizerOptions& options, const NamedTensors& parameters)
      : Optimizer(options, parameters,
                  options.momentum > 0 ? std::vector<std::string>{"momentum"}
                                       : std::vector<std::string>{}) {}

 protected:
  void update(const std::vector<Parameter*>& parameters) override {
    descend(parameters, std::vector<double>(parameters.size(), 1));
  }

  void descend(const std::vector<Parameter*>& parameters, const std::vector<double>& scales) {
    Pass<SgdStep> pass(sgd_rows, sgd_tensor);
    for (size_t i = 0; i < parameters.size(); ++i) {
      const Parameter& p = *parameters[i];
      pass.add(p, {.lr = p.lr,
                   .weight_decay = p.weight_decay,
                   .momentum = options_.momentum,
                   .gain = steps_ == 1 ? 1 : 1 - options_.dampening,
                   .nesterov = options_.nesterov,
                   .scale = scales[i]});
    }
    pass.run();
  }
};

class Lars final : public Sgd {
 public:
  using Sgd::Sgd;

 protected:
  void update(const std::vector<Parameter*>& parameters) override {
    const bool inside = options_.lars_form == LarsForm::decay_inside;
    std::vector<size_t> adapted;
    std::vector<at::Tensor> values, grads;
    std::vector<double> decays;
    for (size_t i = 0; i < parameters.size(); ++i) {
      const Parameter& p = *parameters[i];
      if (p.ids.defined()) {
        throw Error(ErrorKind::usage, {.what = "optimizer.name = \"lars\"",
                                       .got = "a sparse gradient of '" + p.name + "'",
                                       .fix = "Use adam, adamw, adagrad or sgd"});
      }
      if (!p.adapt || (inside && p.weight_decay == 0)) continue;
      adapted.push_back(i);
      values.push_back(p.value);
      grads.push_back(p.grad);
      decays.push_back(inside ? 0 : p.weight_decay);
    }
    const std::vector<Norms> norms = norms_of(values, grads, decays);
    std::vector<double> scales(parameters.size(), 1);
    for (size_t i = 0; i < norms.size(); ++i) {
      scales[adapted[i]] = factor(*parameters[adapted[i]], norms[i]);
    }
    descend(parameters, scales);
  }

 private:
  double factor(const Parameter& p, const Norms& norms) const {
    if (!(norms.value > 0 && norms.direction > 0)) return 1;
    const double length = options_.lars_form == LarsForm::decay_inside
                              ? norms.direction + p.weight_decay * norms.value + options_.eps
                              : norms.direction;
    const double ratio = options_.trust_coefficient * norms.value / length;
    return options_.lars_clip ? std::min(ratio / p.lr, 1.0) : ratio;
  }
};

// Kingma and Ba, "Adam", 2015; decoupled decay: Loshchilov and Hutter, "Decoupled weight decay
// regularization", 2019.
class Adam final : public Optimizer {
 public:
  Adam(const OptimizerOptions& options, const NamedTensors& parameters)
      : Optimizer(options, parameters, {"exp_avg", "exp_avg_sq"}) {}

 protected:
  void update(const std::vector<Parameter*>& parameters) override {
    Pass<AdamStep> pass(adam_rows, adam_tensor);
    const double t = static_cast<double>(steps_);
    const bool decoupled = options_.name == OptimizerName::adamw;
    const double root_correction = std::sqrt(1 - std::pow(options_.beta2, t));
    for (const Parameter* p : parameters) {
      // torch.optim.SparseAdam adds eps before the correction.
      const double eps = p->ids.defined() ? options_.eps / root_correction : options_.eps;
      pass.add(*p, {.step_size = p->lr / (1 - std::pow(options_.beta1, t)),
                    .shrink = decoupled ? 1 - p->lr * p->weight_decay : 1,
                    .l2 = decoupled ? 0 : p->weight_decay,
                    .beta1 = options_.beta1,
                    .beta2 = options_.beta2,
                    .root_correction = root_correction,
                    .eps = eps});
    }
    pass.run();
  }
};

// sum += g^2, p -= lr g / (sqrt(sum) + eps), g with the decay. Duchi et al., "Adaptive subgradient
// methods for online learning and stochastic optimization", 2011.
class Adagrad final : public Optimizer {
 public:
  Adagrad(const OptimizerOptions& options, const NamedTensors& parameters)
      : Optimizer(options, parameters, {"sum"}) {}

 protected:
  void update(const std::vector<Parameter*>& parameters) override {
    Pass<AdagradStep> pass(adagrad_rows, adagrad_tensor);
    for (const Parameter* p : parameters) {
      pass.add(*p, {.lr = p->lr, .weight_decay = p->weight_decay, .eps = options_.eps});
    }
    pass.run();
  }
};

}  // namespace

void OptimizerOptions::fields(Fields& f) {
  f.add("name", name, "update rule",
        {{"sgd", OptimizerName::sgd},
         {"adam", OptimizerName::adam},
         {"adamw", OptimizerName::adamw},
         {"adagrad", OptimizerName::adagrad},
         {"lars", OptimizerName::lars}});
  f.add("weight_decay", weight_decay, "L2 penalty, decoupled in adamw", {0, 10});
  f.add("final_weight_decay", final_weight_decay,
        "weight decay at the end of the run, along a cosine; -1: the same throughout", {-1, 10});
  f.add("exclude_bias_and_norm", exclude_bias_and_norm, "no decay for biases and norms");
  f.add("bias_lr_scale", bias_lr_scale, "learning rate of biases and norms, relative", {0, 1e3});
  f.add("layer_decay", layer_decay,
        "layer-wise decay of the learning rate: that of a layer of a transformer or a stage of a "
        "ResNet relative to what is above it; 1: the same for all",
        {0.01, 1});
  f.add("momentum", momentum, "sgd, lars: momentum", {0, 1});
  f.add("dampening", dampening, "sgd: dampening of the momentum", {0, 1});
  f.add("nesterov", nesterov, "sgd, lars: Nesterov momentum");
  f.add("beta1", beta1, "adam, adamw: decay of the gradient average", {0, 1});
  f.add("beta2", beta2, "adam, adamw: decay of the squared-gradient average", {0, 1});
  f.add("eps", eps, "adam, adamw, adagrad: added to the denominator", {0, 1});
  f.add("trust_coefficient", trust_coefficient, "lars: length of a step, relative to the weights",
        {0, 10});
  f.add("lars_form", lars_form, "lars: where the weight decay enters",
        {{"decay_first", LarsForm::decay_first}, {"decay_inside", LarsForm::decay_inside}});
  f.add("lars_clip", lars_clip, "lars: never more than the plain step");
  f.add("adapt_bias_and_norm", adapt_bias_and_norm, "lars: scale biases and norms too");
}

Optimizer::Optimizer(const OptimizerOptions& options, const NamedTensors& parameters,
                     std::vector<std::string> state_names)
    : options_(options), state_names_(std::move(state_names)) {
  for (const auto& [name, value] : parameters) {
    if (!value.is_floating_point() || !value.is_leaf()) {
      throw Error(ErrorKind::usage, {.what = "optimizer: parameter '" + name + "'",
                                     .got = value.toString(),
                                     .expected = "a floating-point leaf tensor"});
    }
    Parameter p{.name = name, .value = value, .state = {}};
    for (size_t i = 0; i < state_names_.size(); ++i) {
      p.state.push_back(at::zeros_like(value.detach()));
    }
    const bool plain = value.dim() < 2;
    p.decays = !(plain && options.exclude_bias_and_norm);
    p.weight_decay = p.decays ? options.weight_decay : 0;
    p.lr_scale = plain ? options.bias_lr_scale : 1;
    p.adapt = !plain || options.adapt_bias_and_norm;
    parameters_.push_back(std::move(p));
  }
  if (options.layer_decay < 1) scale_layers();
}

// decay^(L - n) for layer n of 0 .. L - 1, decay^(L + 1) for the embeddings below them, 1 for what
// is above. Clark et al., "ELECTRA", 2020; Bao et al., "BEiT", 2022. The four stages of a ResNet,
// "layer1" to "layer4", are layers of it, with the first convolution below them.
void Optimizer::scale_layers() {
  static const std::regex numbered(R"((?:^|[._])(?:layers?[._](\d+)|layer([1-9]))\.)");
  static const std::regex lowest(R"(embeddings\.|(?:^|\.)(?:conv1|bn1)\.)");
  const auto layer_of = [](const std::string& name) {
    std::smatch match;
    if (std::regex_search(name, match, numbered)) {
      return match[1].matched ? std::stoi(match[1]) : std::stoi(match[2]) - 1;
    }
    return std::regex_search(name, lowest) ? -1 : std::numeric_limits<int>::max();
  };
  int layers = 0;
  for (const Parameter& p : parameters_) {
    const int layer = layer_of(p.name);
    if (layer < std::numeric_limits<int>::max()) layers = std::max(layers, layer + 1);
  }
  if (layers == 0) {
    throw Error(ErrorKind::usage, {.what = "optimizer.layer_decay: no parameter has a layer number",
                                   .expected = "a transformer or a ResNet",
                                   .fix = "Leave optimizer.layer_decay at 1"});
  }
  for (Parameter& p : parameters_) {
    const int layer = layer_of(p.name);
    if (layer < layers) p.lr_scale *= std::pow(options_.layer_decay, layers - layer);
  }
}

void Optimizer::step(double lr) {
  at::NoGradGuard no_grad;
  std::vector<Parameter*> active;
  for (Parameter& p : parameters_) {
    p.grad = p.value.grad();
    if (!p.grad.defined()) continue;
    if (p.grad.is_sparse()) {
      const SparseRows rows = sparse_rows(p.grad);
      p.ids = rows.ids;
      p.grad = rows.values;
    } else if (p.grad.strides() != p.value.strides()) {
      p.grad = at::empty_like(p.value.detach()).copy_(p.grad);
    }
    p.lr = p.kept_lr.value_or(lr) * p.lr_scale;
    active.push_back(&p);
  }
  ++steps_;
  update(active);
  for (Parameter* p : active) {
    p->grad.reset();
    p->ids.reset();
  }
}

void Optimizer::set_weight_decay(double weight_decay) {
  for (Parameter& p : parameters_) p.weight_decay = p.decays ? weight_decay : 0;
}

void Optimizer::keep_rate(const std::string& parameter, double lr) {
  for (Parameter& p : parameters_) {
    if (p.name == parameter) p.kept_lr = lr;
  }
}

void Optimizer::zero_grad() {
  for (Parameter& p : parameters_) p.value.mutable_grad().reset();
}

double Optimizer::gradient_norm() const {
  at::NoGradGuard no_grad;
  std::vector<at::Tensor> grads;
  for (const Parameter& p : parameters_) {
    const at::Tensor& grad = p.value.grad();
    if (grad.defined()) grads.push_back(grad.is_sparse() ? sparse_rows(grad).values : grad);
  }
  double sum = 0;
  for (const Norms& norms : norms_of(grads, grads, std::vector<double>(grads.size()))) {
    sum += norms.value * norms.value;
  }
  return std::sqrt(sum);
}

NamedTensors Optimizer::state() const {
  NamedTensors state;
  for (const Parameter& p : parameters_) {
    for (size_t i = 0; i < state_names_.size(); ++i) {
      state.emplace_back(state_names_[i] + "/" + p.name, p.state[i]);
    }
  }
  return state;
}

void Optimizer::load_state(const NamedTensors& state, int64_t steps) {
  std::map<std::string, at::Tensor> given(state.begin(), state.end());
  at::NoGradGuard no_grad;
  for (auto& [name, own] : this->state()) {
    const auto found = given.find(name);
    if (found == given.end() || found->second.sizes() != own.sizes()) {
      const std::string got = found == given.end()
                                  ? "nothing"
                                  : fmt::format("[{}]", fmt::join(found->second.sizes(), ", "));
      throw Error(ErrorKind::data, {.what = "optimizer state '" + name + "'",
                                    .got = got,
                                    .expected = fmt::format("[{}]", fmt::join(own.sizes(), ", ")),
                                    .fix = "Resume with the optimizer and encoder of the run"});
    }
    own.copy_(found->second);
  }
  steps_ = steps;
}

std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options,
                                          const NamedTensors& parameters) {
  if (options.nesterov && (options.momentum == 0 || options.dampening != 0)) {
    throw Error(ErrorKind::usage, {.what = "optimizer: nesterov",
                                   .got = fmt::format("momentum {}, dampening {}", options.momentum,
                                                      options.dampening),
                                   .expected = "a momentum and no dampening"});
  }
  switch (options.name) {
    case OptimizerName::sgd:
      return std::make_unique<Sgd>(options, parameters);
    case OptimizerName::lars:
      return std::make_unique<Lars>(options, parameters);
    case OptimizerName::adam:
    case OptimizerName::adamw:
      return std::make_unique<Adam>(options, parameters);
    case OptimizerName::adagrad:
      return std::make_unique<Adagrad>(options, parameters);
  }
  throw Error(ErrorKind::usage, {.what = "optimizer: unknown name"});
}

}  // namespace vistas::learn
