// What a Trainer tells about time and memory.
#include <algorithm>

#include "vistas/base/clock.h"
#include "vistas/learn/trainer.h"

namespace vistas::learn {
namespace {

int64_t bytes(const at::Tensor& t) {
  return static_cast<int64_t>(t.is_sparse() ? t._values().nbytes() + t._indices().nbytes()
                                            : t.nbytes());
}

int64_t bytes(const NamedTensors& tensors) {
  int64_t sum = 0;
  for (const auto& [name, t] : tensors) sum += bytes(t);
  return sum;
}

}  // namespace

std::vector<double> Trainer::time_steps(int64_t most, double seconds) {
  parts_.method->train();
  LoaderOptions options = loader_options();
  options.end_step = std::max(total_, most + 1);
  Loader loader(parts_.data, options);
  train_step(loader, nullptr);
  step_times_ = {};
  const double made = loader.making(), read = parts_.data->reading_seconds();
  const auto begin = Clock::now();
  std::vector<double> each;
  do {
    const auto start = Clock::now();
    train_step(loader, nullptr);
    each.push_back(seconds_since(start));
  } while (static_cast<int64_t>(each.size()) < most &&
           !Group::current().any(seconds_since(begin) >= seconds));
  step_times_.making = loader.making() - made;
  step_times_.reading = parts_.data->reading_seconds() - read;
  return each;
}

double Trainer::time_score() {
  if (steps_between_scores() == 0) return 0;
  const auto start = Clock::now();
  parts_.method->eval();
  parts_.score(*parts_.method->encoder());
  parts_.method->train();
  return seconds_since(start);
}

int64_t Trainer::scores() const {
  const int64_t every = steps_between_scores();
  return every == 0 ? 0 : (total_ + every - 1) / every;
}

int64_t Trainer::parameters() const {
  int64_t count = 0;
  for (const at::Tensor& p : parts_.method->parameters()) {
    if (p.requires_grad()) count += p.numel();
  }
  return count;
}

int64_t Trainer::parameter_bytes() const {
  return bytes(named_tensors(*parts_.method));
}

int64_t Trainer::gradient_bytes() const {
  int64_t sum = 0;
  for (const at::Tensor& p : parts_.method->parameters()) {
    if (p.grad().defined()) sum += bytes(p.grad());
  }
  return sum;
}

int64_t Trainer::optimizer_bytes() const {
  return bytes(optimizer_->state());
}

int64_t Trainer::remembered_bytes() const {
  int64_t sum = 0;
  for (const at::Tensor& t : parts_.method->buffers(/*recurse=*/false)) sum += bytes(t);
  return sum;
}

}  // namespace vistas::learn
