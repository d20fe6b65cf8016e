#include "vistas/contrast/dino.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "vistas/base/error.h"
#include "vistas/contrast/cross_view.h"
#include "vistas/contrast/pairs.h"
#include "vistas/contrast/precision.h"

namespace vistas::contrast {
namespace {

void check_center(const at::Tensor& center, const std::vector<at::Tensor>& teacher) {
  check_alike("dino: teacher", teacher);
  if (center.numel() != teacher[0].size(1) || center.device() != teacher[0].device()) {
    throw Error(ErrorKind::usage,
                {.what = "dino: center",
                 .got = fmt::format("{} values on {}", center.numel(), center.device().str()),
                 .expected = fmt::format("{} values on {}, one a column of the teacher's outputs",
                                         teacher[0].size(1), teacher[0].device().str())});
  }
}

}  // namespace

at::Tensor dino(const std::vector<at::Tensor>& teacher, const std::vector<at::Tensor>& student,
                const at::Tensor& center, const DinoOptions& options) {
  check_views("dino", teacher.size(), student.size());
  check_alike("dino: student", student);
  check_alike("dino: teacher and student", {teacher[0], student[0]});
  check_center(center, teacher);
  check_positive("dino: student_temperature", options.student_temperature);
  check_positive("dino: teacher_temperature", options.teacher_temperature);
  const FullPrecision scope;
  std::vector<at::Tensor> targets;
  for (const at::Tensor& view : teacher) {
    const at::Tensor centred = widen(view.detach()) - center.detach().view({1, -1});
    targets.push_back(at::softmax(centred / options.teacher_temperature, 1));
  }
  return cross_view_entropy(targets, student, options.student_temperature);
}

at::Tensor updated_center(const at::Tensor& center, const std::vector<at::Tensor>& teacher,
                          double momentum) {
  check_center(center, teacher);
  const at::NoGradGuard no_grad;
  const FullPrecision scope;
  at::Tensor mean = at::zeros_like(widen(center)).view(-1);
  for (const at::Tensor& view : teacher) {
    mean += widen(view).mean(0) / static_cast<double>(teacher.size());
  }
  return (momentum * center + (1 - momentum) * mean.view_as(center)).to(center.scalar_type());
}

}  // namespace vistas::contrast
