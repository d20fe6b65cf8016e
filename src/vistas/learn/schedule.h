// What changes from step to step: learning rate, weight decay, teacher momentum.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "vistas/base/options.h"

namespace vistas::learn {

// end + (start - end) (1 + cos(pi t / T)) / 2: from start at t = 0 to end at t = T. The teacher
// momentum of BYOL, MoCo v3 and DINO (end = 1) and the weight decay of DINO.
double cosine_between(int64_t step, double start, double end, int64_t total_steps);

// As cosine_between, but reaches the end at the last step, t = T - 1 (lightly).
double cosine_between_lightly(int64_t step, double start, double end, int64_t total_steps);

// textbook: base t / W while t < W, then the cosine from base to end over T - W steps.
// lightly:  base (t + 1) / W while t < W, then a cosine that reaches the end at t = T - 1.
// floor:    the textbook form with end = base * floor (Barlow Twins, VICReg).
double warmup_cosine(int64_t step, double base, int64_t warmup_steps, int64_t total_steps,
                     double end);
double warmup_cosine_lightly(int64_t step, double base, int64_t warmup_steps, int64_t total_steps,
                             double end);

// base t / W while t < W, then a line from base to end over T - W steps (transformers' "linear").
double warmup_linear(int64_t step, double base, int64_t warmup_steps, int64_t total_steps,
                     double end);

// base gamma^(number of milestones <= t).
double multi_step(int64_t step, double base, const std::vector<int64_t>& milestones, double gamma);

// linear: base batch / 256 (Goyal et al., 2017). sqrt: base sqrt(batch) (SimCLR, appendix B.1).
enum class LrScaling { none, linear, sqrt };

std::vector<std::pair<std::string, LrScaling>> lr_scaling_names();

double scale_learning_rate(double base, int64_t batch, LrScaling rule);

enum class ScheduleName { constant, cosine, cosine_lightly, multi_step, linear };

struct ScheduleOptions {
  double lr = 0.3;
  LrScaling lr_scaling = LrScaling::linear;
  ScheduleName name = ScheduleName::cosine;
  double warmup_epochs = 10;
  double final_scale = 0;
  std::vector<double> milestones{};
  double gamma = 0.1;

  void fields(Fields& f);
};

// The learning rate of every step of a run.
class LearningRate {
 public:
  // base: after scaling with the batch. The warm-up never takes more than half of the run.
  LearningRate(const ScheduleOptions& options, double base, int64_t total_steps,
               double steps_per_epoch);

  // step: 0 .. total_steps - 1.
  double at(int64_t step) const;
  int64_t warmup_steps() const { return warmup_steps_; }

 private:
  ScheduleOptions options_;
  double base_;
  int64_t total_steps_, warmup_steps_;
  std::vector<int64_t> milestones_;
};

// teacher = tau teacher + (1 - tau) student, for each pair of tensors, in place.
void update_teacher(const std::vector<at::Tensor>& teacher, const std::vector<at::Tensor>& student,
                    double tau);

}  // namespace vistas::learn
