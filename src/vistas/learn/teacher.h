// Teachers: networks that follow a student as the exponential moving average of its weights.
#pragma once

#include <torch/nn/module.h>

#include "vistas/base/options.h"
#include "vistas/learn/method.h"

namespace vistas::learn {

struct TeacherOptions {
  double momentum = 0.996;
  double final_momentum = 1;

  void fields(Fields& f) {
    f.add("momentum", momentum, "share of itself that the teacher keeps at the first step", {0, 1});
    f.add("final_momentum", final_momentum, "and at the end of the run, along a cosine", {0, 1});
  }
};

// Makes the teacher a copy of the student that no gradient reaches. A data error if their tensors
// differ in name or shape.
void start_teacher(torch::nn::Module& teacher, const torch::nn::Module& student);

// teacher = tau teacher + (1 - tau) student for the parameters, after an optimiser step:
//   tau = final_momentum + (momentum - final_momentum) (1 + cos(pi (step - 1) / total)) / 2.
// Buffers stay: the statistics of the teacher's batch norms come from its own passes.
void follow_student(torch::nn::Module& teacher, const torch::nn::Module& student,
                    const TeacherOptions& options, const Progress& progress);

}  // namespace vistas::learn
