#include "vistas/learn/recompute.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <mutex>
#include <utility>

#include "vistas/learn/batch_norm.h"
#include "vistas/learn/group.h"
#include "vistas/learn/precision.h"

namespace vistas::learn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

thread_local bool recomputing = false;
thread_local int64_t calls = 0;

at::Tensor generator_state(at::Generator generator) {
  const std::scoped_lock lock(generator.mutex());
  return generator.get_state();
}

void set_generator_state(at::Generator generator, const at::Tensor& state) {
  const std::scoped_lock lock(generator.mutex());
  generator.set_state(state);
}

// While alive, the default generator of a device draws what it drew from `state` on.
class Redraw {
 public:
  Redraw(const at::Generator& generator, const at::Tensor& state)
      : generator_(generator), before_(generator_state(generator)) {
    set_generator_state(generator_, state);
  }
  ~Redraw() { set_generator_state(generator_, before_); }
  Redraw(const Redraw&) = delete;
  Redraw& operator=(const Redraw&) = delete;

 private:
  at::Generator generator_;
  at::Tensor before_;
};

// What backward() needs besides tensors.
struct Kept : torch::CustomClassHolder {
  Segment segment;
  std::vector<at::Tensor> parameters;
  at::Generator generator;
  at::Tensor state;
  std::string precision;
  const Group* group = nullptr;
};

struct Recomputed : torch::autograd::Function<Recomputed> {
  // `tensors`: the inputs, then the parameters.
  static at::Tensor forward(AutogradContext* context, at::TensorList tensors,
                            const c10::intrusive_ptr<Kept>& kept) {
    const auto parameters = static_cast<std::ptrdiff_t>(kept->parameters.size());
    const variable_list inputs(tensors.begin(), tensors.end() - parameters);
    kept->generator = at::globalContext().defaultGenerator(inputs.front().device());
    kept->state = generator_state(kept->generator);
    kept->precision =
        at::autocast::is_autocast_enabled(inputs.front().device().type()) ? "bf16" : "fp32";
    kept->group = &Group::current();
    context->save_for_backward(inputs);
    context->saved_data["kept"] = at::IValue::make_capsule(kept);
    return kept->segment(inputs);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto capsule = context->saved_data["kept"].toCapsule();
    const auto& kept = static_cast<const Kept&>(*capsule);
    const variable_list saved = context->get_saved_variables();
    variable_list inputs, wanted;
    for (size_t i = 0; i < saved.size(); ++i) {
      inputs.push_back(saved[i].detach().requires_grad_(context->needs_input_grad(i)));
      if (inputs[i].requires_grad()) wanted.push_back(inputs[i]);
    }
    for (size_t i = 0; i < kept.parameters.size(); ++i) {
      if (context->needs_input_grad(saved.size() + i)) wanted.push_back(kept.parameters[i]);
    }
    at::Tensor output;
    {
      const Redraw redraw(kept.generator, kept.state);
      const AutocastScope autocast(inputs.front().device(), kept.precision);
      const RunningStatisticsShare rest(0);
      const GroupScope group(*kept.group);
      const at::AutoGradMode with_graph(true);
      output = kept.segment(inputs);
    }
    auto found = torch::autograd::grad({output}, wanted, {gradients[0]}, /*retain_graph=*/false,
                                       /*create_graph=*/false, /*allow_unused=*/true);
    variable_list all;
    auto next = found.begin();
    for (size_t i = 0; i < saved.size() + kept.parameters.size(); ++i) {
      all.push_back(context->needs_input_grad(i) ? std::move(*next++) : at::Tensor());
    }
    all.emplace_back();  // of `kept`
    return all;
  }
};

}  // namespace

at::Tensor recomputed(const std::vector<at::Tensor>& inputs,
                      const std::vector<at::Tensor>& parameters, const Segment& segment) {
  ++calls;
  if (!recomputing || !at::GradMode::is_enabled()) return segment(inputs);
  auto kept = c10::make_intrusive<Kept>();
  kept->segment = segment;
  kept->parameters = parameters;
  variable_list tensors = inputs;
  tensors.insert(tensors.end(), parameters.begin(), parameters.end());
  return Recomputed::apply(at::TensorList(tensors), kept);
}

RecomputeScope::RecomputeScope(bool on)
    : before_(std::exchange(recomputing, on)), calls_before_(calls) {}

RecomputeScope::~RecomputeScope() {
  recomputing = before_;
}

int64_t RecomputeScope::segments() const {
  return calls - calls_before_;
}

}  // namespace vistas::learn
