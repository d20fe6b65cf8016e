#include "vistas/contrast/nt_xent_labels.h"

#include <ATen/ATen.h>

#include "vistas/contrast/checks.h"
#include "vistas/contrast/logits.h"
#include "vistas/contrast/precision.h"

namespace vistas::contrast {

at::Tensor nt_xent_labels(const at::Tensor& z, const at::Tensor& labels,
                          const NtXentOptions& options) {
  check_rows("nt_xent_labels", z);
  check_ids("nt_xent_labels", "labels", labels, z);
  check_positive("nt_xent_labels", "temperature", options.temperature);
  const FullPrecision scope;
  const at::Tensor s = similarity(z, z, options.similarity) / options.temperature;
  const at::Tensor same = labels.unsqueeze(1) == labels;
  const at::Tensor negatives = log_sum_exp(s, same).unsqueeze(1);
  return mean_where(same.clone().fill_diagonal_(false), log1p_exp(negatives - s));
}

}  // namespace vistas::contrast
