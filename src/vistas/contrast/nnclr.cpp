#include "vistas/contrast/nnclr.h"

#include <ATen/ATen.h>

#include "vistas/contrast/checks.h"
#include "vistas/contrast/info_nce.h"
#include "vistas/contrast/nt_xent.h"

namespace vistas::contrast {

at::Tensor nearest_in_queue(const at::Tensor& z, const at::Tensor& queue, Similarity kind) {
  check_comparable("nearest_in_queue", z, queue);
  constexpr int64_t kRowsAtATime = 256;  // bounds the matrix: queues are long
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> nearest;
  for (const at::Tensor& rows : z.split(kRowsAtATime)) {
    nearest.push_back(similarity(rows, queue, kind).argmax(1));
  }
  return at::cat(nearest);
}

at::Tensor nnclr(const at::Tensor& neighbours, const at::Tensor& predictions,
                 const NnclrOptions& options, const at::Tensor& group) {
  if (options.denominator == NnclrDenominator::nt_xent) {
    return nt_xent(neighbours.detach(), predictions,
                   {.temperature = options.temperature, .similarity = options.similarity}, group);
  }
  return info_nce(neighbours.detach(), predictions,
                  {.temperature = options.temperature, .similarity = options.similarity}, group);
}

at::Tensor nnclr(const at::Tensor& z_a, const at::Tensor& z_b, const at::Tensor& p_a,
                 const at::Tensor& p_b, const at::Tensor& queue, const NnclrOptions& options,
                 const at::Tensor& group) {
  const auto neighbours = [&](const at::Tensor& z) {
    return queue.index_select(0, nearest_in_queue(z, queue, options.similarity));
  };
  return (nnclr(neighbours(z_a), p_b, options, group) +
          nnclr(neighbours(z_b), p_a, options, group)) /
         2;
}

}  // namespace vistas::contrast
