#include "vistas/contrast/distillation.h"

#include <ATen/ATen.h>

#include "vistas/contrast/pairs.h"
#include "vistas/contrast/precision.h"

namespace vistas::contrast {

at::Tensor mse_distillation(const at::Tensor& student, const at::Tensor& teacher) {
  check_alike("mse_distillation", {student, teacher});
  const FullPrecision scope;
  return (widen(student) - widen(teacher.detach())).square().mean();
}

at::Tensor margin_mse(const at::Tensor& query, const at::Tensor& positive,
                      const at::Tensor& negative, const at::Tensor& teacher_margin,
                      const MarginMseOptions& options) {
  check_alike("margin_mse", {query, positive, negative});
  check_values("margin_mse", "teacher_margin", teacher_margin, query);
  const FullPrecision scope;
  const at::Tensor margin = row_similarity(query, positive, options.similarity) -
                            row_similarity(query, negative, options.similarity);
  return (margin - teacher_margin.detach().to(margin.scalar_type())).square().mean();
}

at::Tensor kl_distillation(const at::Tensor& student, const at::Tensor& teacher,
                           const KlDistillationOptions& options) {
  check_alike("kl_distillation", {student, teacher});
  check_positive("kl_distillation: temperature", options.temperature);
  const FullPrecision scope;
  const double t = options.temperature;
  const at::Tensor learned = at::log_softmax(widen(student) / t, 1);
  const at::Tensor target = at::log_softmax(widen(teacher.detach()) / t, 1);
  return t * t * (target.exp() * (target - learned)).sum(1).mean();
}

}  // namespace vistas::contrast
