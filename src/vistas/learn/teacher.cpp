#include "vistas/learn/teacher.h"

#include "vistas/learn/module_state.h"
#include "vistas/learn/schedule.h"

namespace vistas::learn {

void start_teacher(torch::nn::Module& teacher, const torch::nn::Module& student) {
  load_state(teacher, state_of(student));
  for (at::Tensor& p : teacher.parameters()) p.set_requires_grad(false);
}

void follow_student(torch::nn::Module& teacher, const torch::nn::Module& student,
                    const TeacherOptions& options, const Progress& progress) {
  const double tau =
      cosine_between(progress.step - 1, options.momentum, options.final_momentum, progress.total);
  update_teacher(teacher.parameters(), student.parameters(), tau);
}

}  // namespace vistas::learn
