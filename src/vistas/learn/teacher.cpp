#include "vistas/learn/teacher.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "vistas/base/error.h"
#include "vistas/learn/schedule.h"
#include "vistas/learn/tensors.h"

namespace vistas::learn {

void start_teacher(torch::nn::Module& teacher, const torch::nn::Module& student) {
  const at::NoGradGuard no_grad;
  const NamedTensors from = named_tensors(student), to = named_tensors(teacher);
  for (size_t i = 0; i < std::max(from.size(), to.size()); ++i) {
    if (i >= std::min(from.size(), to.size()) || from[i].first != to[i].first ||
        from[i].second.sizes() != to[i].second.sizes()) {
      throw Error(ErrorKind::data,
                  {.what = "a teacher of another architecture than its student",
                   .got = i < to.size() ? to[i].first : "no tensor",
                   .expected = i < from.size() ? from[i].first : "no more tensors"});
    }
    at::Tensor(to[i].second).copy_(from[i].second);
  }
  for (at::Tensor& p : teacher.parameters()) p.set_requires_grad(false);
}

void follow_student(torch::nn::Module& teacher, const torch::nn::Module& student,
                    const TeacherOptions& options, const Progress& progress) {
  const double tau =
      cosine_between(progress.step - 1, options.momentum, options.final_momentum, progress.total);
  update_teacher(teacher.parameters(), student.parameters(), tau);
}

}  // namespace vistas::learn
