#include "vistas/contrast/swav.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "vistas/base/error.h"
#include "vistas/contrast/cross_view.h"
#include "vistas/contrast/pairs.h"
#include "vistas/contrast/precision.h"
#include "vistas/contrast/similarity.h"

namespace vistas::contrast {

at::Tensor sinkhorn(const at::Tensor& scores, const SinkhornOptions& options) {
  check_alike("sinkhorn", {scores});
  check_positive("sinkhorn: epsilon", options.epsilon);
  const FullPrecision scope;
  at::Tensor log_codes = widen(scores.detach()) / options.epsilon;
  for (int64_t i = 0; i < options.iterations; ++i) {
    log_codes = at::log_softmax(at::log_softmax(log_codes, 0), 1);
  }
  return log_codes.exp_();
}

at::Tensor prototype_scores(const at::Tensor& z, const at::Tensor& prototypes) {
  const FullPrecision scope;
  return at::mm(unit_rows(z), widen(prototypes).t());
}

SwavLoss swav(const std::vector<at::Tensor>& scores, size_t global_views,
              const std::vector<at::Tensor>& queue, const SwavOptions& options) {
  check_views("swav", global_views, scores.size());
  check_alike("swav", scores);
  check_positive("swav: temperature", options.temperature);
  if (!queue.empty() && queue.size() != global_views) {
    throw Error(ErrorKind::usage, {.what = "swav: queue",
                                   .got = fmt::format("scores of {} views", queue.size()),
                                   .expected = fmt::format("of none or {}", global_views)});
  }
  SwavLoss result;
  for (size_t i = 0; i < global_views; ++i) {
    const at::Tensor all = queue.empty() ? scores[i] : at::cat({scores[i], queue[i]});
    result.codes.push_back(sinkhorn(all, options.sinkhorn).slice(0, 0, scores[i].size(0)));
  }
  result.loss = cross_view_entropy(result.codes, scores, options.temperature);
  return result;
}

}  // namespace vistas::contrast
