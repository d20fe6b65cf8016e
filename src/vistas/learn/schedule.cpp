#include "vistas/learn/schedule.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "vistas/base/error.h"

namespace vistas::learn {
namespace {

double fall(double from, double to, double share) {
  return to + (from - to) * (1 + std::cos(std::numbers::pi * share)) / 2;
}

double share_of(int64_t step, int64_t total) {
  return static_cast<double>(step) / static_cast<double>(total);
}

}  // namespace

double cosine_between(int64_t step, double start, double end, int64_t total_steps) {
  return fall(start, end, share_of(step, total_steps));
}

double cosine_between_lightly(int64_t step, double start, double end, int64_t total_steps) {
  if (step >= total_steps - 1) return end;
  return fall(start, end, share_of(step, total_steps - 1));
}

double warmup_cosine(int64_t step, double base, int64_t warmup_steps, int64_t total_steps,
                     double end) {
  if (step < warmup_steps) return base * share_of(step, warmup_steps);
  if (total_steps <= warmup_steps) return base;
  return cosine_between(step - warmup_steps, base, end, total_steps - warmup_steps);
}

double warmup_cosine_lightly(int64_t step, double base, int64_t warmup_steps, int64_t total_steps,
                             double end) {
  if (step < warmup_steps) return base * share_of(step + 1, warmup_steps);
  return cosine_between_lightly(step - warmup_steps, base, end, total_steps - warmup_steps);
}

double warmup_linear(int64_t step, double base, int64_t warmup_steps, int64_t total_steps,
                     double end) {
  if (step < warmup_steps) return base * share_of(step, warmup_steps);
  return base + (end - base) * share_of(step - warmup_steps, total_steps - warmup_steps);
}

double multi_step(int64_t step, double base, const std::vector<int64_t>& milestones, double gamma) {
  const auto passed = std::count_if(milestones.begin(), milestones.end(),
                                    [step](int64_t milestone) { return milestone <= step; });
  return base * std::pow(gamma, static_cast<double>(passed));
}

void ScheduleOptions::fields(Fields& f) {
  f.add("lr", lr, "peak learning rate before scaling", {0, 1e6});
  f.add("lr_scaling", lr_scaling,
        "of lr with the batch: linear is lr * batch / 256, sqrt is lr * "
        "sqrt(batch)",
        lr_scaling_names());
  f.add("name", name, "how the learning rate changes after the warm-up",
        {{"constant", ScheduleName::constant},
         {"cosine", ScheduleName::cosine},
         {"cosine_lightly", ScheduleName::cosine_lightly},
         {"linear", ScheduleName::linear},
         {"multi_step", ScheduleName::multi_step}});
  f.add("warmup_epochs", warmup_epochs, "epochs of linear growth at the start", {0, 1e6});
  f.add("final_scale", final_scale, "cosine and linear: learning rate at the end, relative",
        {0, 1});
  f.add("milestones", milestones, "multi_step: epochs after which the rate falls", {0, 1e6});
  f.add("gamma", gamma, "multi_step: factor at a milestone", {0, 1});
}

LearningRate::LearningRate(const ScheduleOptions& options, double base, int64_t total_steps,
                           double steps_per_epoch)
    : options_(options), base_(base), total_steps_(total_steps) {
  if (!(base > 0) || total_steps < 1 || !(steps_per_epoch > 0)) {
    throw Error(ErrorKind::usage, {.what = "learning rate schedule",
                                   .got = fmt::format("base {}, {} steps, {} steps an epoch", base,
                                                      total_steps, steps_per_epoch),
                                   .expected = "positive numbers"});
  }
  warmup_steps_ = std::min(std::llround(options.warmup_epochs * steps_per_epoch),
                           static_cast<long long>(total_steps / 2));
  for (const double epoch : options.milestones) {
    milestones_.push_back(std::llround(epoch * steps_per_epoch));
  }
}

double LearningRate::at(int64_t step) const {
  const double end = base_ * options_.final_scale;
  switch (options_.name) {
    case ScheduleName::cosine:
      return warmup_cosine(step, base_, warmup_steps_, total_steps_, end);
    case ScheduleName::cosine_lightly:
      return warmup_cosine_lightly(step, base_, warmup_steps_, total_steps_, end);
    case ScheduleName::linear:
      return warmup_linear(step, base_, warmup_steps_, total_steps_, end);
    case ScheduleName::constant:
    case ScheduleName::multi_step:
      break;
  }
  if (step < warmup_steps_) return base_ * share_of(step, warmup_steps_);
  return multi_step(step, base_, milestones_, options_.gamma);
}

std::vector<std::pair<std::string, LrScaling>> lr_scaling_names() {
  return {{"none", LrScaling::none}, {"linear", LrScaling::linear}, {"sqrt", LrScaling::sqrt}};
}

double scale_learning_rate(double base, int64_t batch, LrScaling rule) {
  const double size = static_cast<double>(batch);
  switch (rule) {
    case LrScaling::none:
      return base;
    case LrScaling::linear:
      return base * size / 256;
    case LrScaling::sqrt:
      return base * std::sqrt(size);
  }
  return base;
}

void update_teacher(const std::vector<at::Tensor>& teacher, const std::vector<at::Tensor>& student,
                    double tau) {
  at::NoGradGuard no_grad;
  at::_foreach_mul_(teacher, tau);
  at::_foreach_add_(teacher, student, 1 - tau);
}

}  // namespace vistas::learn
