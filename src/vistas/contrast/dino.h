// DINO: a student predicts the sharpened, centred output of its teacher on other views.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "vistas/base/options.h"

namespace vistas::contrast {

struct DinoOptions {
  double student_temperature = 0.1;
  double teacher_temperature = 0.04;

  void fields(Fields& f) {
    f.add("student_temperature", student_temperature, "divides the student's outputs", {1e-4, 1e4});
    f.add("teacher_temperature", teacher_temperature,
          "divides the teacher's outputs; below the student's, it sharpens", {1e-4, 1e4});
  }
};

// Cross entropy of teacher and student over pairs of different views:
//
//   loss = mean over pairs (i, j), j != i, of mean_b -sum_k P_i[b, k] log softmax_k(
//   student_j[b, k] / T_s ),     P_i = softmax((teacher_i - center) / T_t)
//
// teacher: outputs [B, K] of the global views; student: outputs [B, K] of all views, those of the
// global views first and in the same order; center [K] or [1, K]. No gradient through teacher and
// center. ln(K) is the loss of an encoder collapsed to uniform outputs. float64 is kept, everything
// else is computed in float32. Throws a usage error for shapes that do not match or a single view.
// Caron et al., "Emerging properties in self-supervised vision transformers", 2021, eq. 1-3.
at::Tensor dino(const std::vector<at::Tensor>& teacher, const std::vector<at::Tensor>& student,
                const at::Tensor& center, const DinoOptions& options = {});

// The centre after a step: momentum * center + (1 - momentum) * mean over teacher views and rows;
// the loss of that step takes the centre before it. Shape and type of `center`, without gradient.
// Eq. 4.
at::Tensor updated_center(const at::Tensor& center, const std::vector<at::Tensor>& teacher,
                          double momentum = 0.9);

}  // namespace vistas::contrast
