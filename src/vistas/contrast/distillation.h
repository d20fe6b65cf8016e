// Distillation: a student learns the embeddings, the margins or the rankings of its teacher.
#pragma once

#include <ATen/core/Tensor.h>

#include "vistas/base/options.h"
#include "vistas/contrast/similarity.h"

namespace vistas::contrast {

// All return a scalar and let no gradient flow into the teacher. float64 is kept, everything else
// is computed in float32. They throw a usage error for shapes that do not match.

// Mean over all N D elements of (student - teacher)^2; student, teacher [N, D].
// Reimers and Gurevych, "Making monolingual sentence embeddings multilingual using knowledge
// distillation", 2020, eq. 1.
at::Tensor mse_distillation(const at::Tensor& student, const at::Tensor& teacher);

struct MarginMseOptions {
  Similarity similarity = Similarity::dot;

  void fields(Fields& f) {
    f.add("similarity", similarity, "how two embeddings are compared", similarity_names());
  }
};

// mean_i ( s(q_i, p_i) - s(q_i, n_i) - teacher_margin_i )^2: the lead of the positive over the
// negative. query, positive, negative [N, D], teacher_margin [N]. Published with the dot product.
// Hofstaetter et al., "Improving efficient neural ranking models with cross-architecture knowledge
// distillation", 2020, eq. 8.
at::Tensor margin_mse(const at::Tensor& query, const at::Tensor& positive,
                      const at::Tensor& negative, const at::Tensor& teacher_margin,
                      const MarginMseOptions& options = {});

struct KlDistillationOptions {
  double temperature = 1;

  void fields(Fields& f) {
    f.add("temperature", temperature, "divides both logits; large shows small logits too",
          {1e-4, 1e4});
  }
};

// T^2 mean_i KL(softmax(teacher_i / T) || softmax(student_i / T)); logits [N, C], for example the
// similarities of a query to its candidates.
// Hinton et al., "Distilling the knowledge in a neural network", 2015, section 2.
at::Tensor kl_distillation(const at::Tensor& student, const at::Tensor& teacher,
                           const KlDistillationOptions& options = {});

}  // namespace vistas::contrast
