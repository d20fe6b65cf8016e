#include "vistas/learn/optimizer.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <map>

#include "vistas/base/error.h"
#include "vistas/learn/optimizer_kernels.h"

namespace vistas::learn {
namespace {

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
    std::vector<SgdStep> steps;
    std::vector<Rows> rows;
    for (size_t i = 0; i < parameters.size(); ++i) {
      Parameter& p = *parameters[i];
      const SgdStep step{.lr = p.lr,
                         .weight_decay = p.weight_decay,
                         .momentum = options_.momentum,
                         .gain = steps_ == 1 ? 1 : 1 - options_.dampening,
                         .nesterov = options_.nesterov,
                         .scale = scales[i]};
      if (Rows::can_hold(p.value)) {
        steps.push_back(step);
        rows.push_back(Rows(p.value, p.grad, p.state));
      } else {
        sgd_tensor(step, p.value, p.grad, p.state);
      }
    }
    sgd_rows(rows, steps);
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
    std::vector<AdamStep> steps;
    std::vector<Rows> rows;
    const double t = static_cast<double>(steps_);
    for (Parameter* p : parameters) {
      const bool decoupled = options_.name == OptimizerName::adamw;
      const AdamStep step{.step_size = p->lr / (1 - std::pow(options_.beta1, t)),
                          .shrink = decoupled ? 1 - p->lr * p->weight_decay : 1,
                          .l2 = decoupled ? 0 : p->weight_decay,
                          .beta1 = options_.beta1,
                          .beta2 = options_.beta2,
                          .root_correction = std::sqrt(1 - std::pow(options_.beta2, t)),
                          .eps = options_.eps};
      if (Rows::can_hold(p->value)) {
        steps.push_back(step);
        rows.push_back(Rows(p->value, p->grad, p->state));
      } else {
        adam_tensor(step, p->value, p->grad, p->state);
      }
    }
    adam_rows(rows, steps);
  }
};

}  // namespace

void OptimizerOptions::fields(Fields& f) {
  f.add("name", name, "update rule",
        {{"sgd", OptimizerName::sgd},
         {"adam", OptimizerName::adam},
         {"adamw", OptimizerName::adamw},
         {"lars", OptimizerName::lars}});
  f.add("weight_decay", weight_decay, "L2 penalty, decoupled in adamw", {0, 10});
  f.add("final_weight_decay", final_weight_decay,
        "weight decay at the end of the run, along a cosine; -1: the same throughout", {-1, 10});
  f.add("exclude_bias_and_norm", exclude_bias_and_norm, "no decay for biases and norms");
  f.add("bias_lr_scale", bias_lr_scale, "learning rate of biases and norms, relative", {0, 1e3});
  f.add("momentum", momentum, "sgd, lars: momentum", {0, 1});
  f.add("dampening", dampening, "sgd: dampening of the momentum", {0, 1});
  f.add("nesterov", nesterov, "sgd, lars: Nesterov momentum");
  f.add("beta1", beta1, "adam, adamw: decay of the gradient average", {0, 1});
  f.add("beta2", beta2, "adam, adamw: decay of the squared-gradient average", {0, 1});
  f.add("eps", eps, "adam, adamw: added to the denominator", {0, 1});
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
}

void Optimizer::step(double lr) {
  at::NoGradGuard no_grad;
  std::vector<Parameter*> active;
  for (Parameter& p : parameters_) {
    p.grad = p.value.grad();
    if (!p.grad.defined()) continue;
    if (p.grad.strides() != p.value.strides()) {
      p.grad = at::empty_like(p.value.detach()).copy_(p.grad);
    }
    p.lr = p.kept_lr.value_or(lr) * p.lr_scale;
    active.push_back(&p);
  }
  ++steps_;
  update(active);
  for (Parameter* p : active) p->grad.reset();
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
    if (p.value.grad().defined()) grads.push_back(p.value.grad());
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
  }
  throw Error(ErrorKind::usage, {.what = "optimizer: unknown name"});
}

}  // namespace vistas::learn
