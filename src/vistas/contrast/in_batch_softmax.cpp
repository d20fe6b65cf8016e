#include "vistas/contrast/in_batch_softmax.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "vistas/base/error.h"
#include "vistas/contrast/checks.h"
#include "vistas/contrast/logits.h"
#include "vistas/contrast/precision.h"

namespace vistas::contrast {

at::Tensor in_batch_softmax(const at::Tensor& q, const at::Tensor& items,
                            const InBatchSoftmaxOptions& options, const at::Tensor& log_q,
                            const at::Tensor& group) {
  check_pair("in_batch_softmax", q, items);
  check_positive("in_batch_softmax", "temperature", options.temperature);
  const FullPrecision scope;
  at::Tensor s = similarity(q, items, options.similarity) / options.temperature;
  if (log_q.defined()) {
    if (log_q.dim() != 1 || log_q.size(0) != q.size(0) || log_q.device() != q.device()) {
      throw Error(ErrorKind::usage,
                  {.what = "in_batch_softmax: log_q",
                   .got = fmt::format("shape [{}] on {}", fmt::join(log_q.sizes(), ", "),
                                      log_q.device().str()),
                   .expected = "one number for each item, on the device of the embeddings"});
    }
    s = s - log_q.detach().to(s.scalar_type());
  }
  return diagonal_cross_entropy(s, same_thing("in_batch_softmax", group, q));
}

}  // namespace vistas::contrast
