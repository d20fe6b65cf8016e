#include "vistas/contrast/cross_view.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "vistas/base/error.h"
#include "vistas/contrast/precision.h"

namespace vistas::contrast {

at::Tensor cross_view_entropy(const std::vector<at::Tensor>& targets,
                              const std::vector<at::Tensor>& logits, double temperature) {
  const FullPrecision scope;
  std::vector<at::Tensor> pairs;
  for (size_t j = 0; j < logits.size(); ++j) {
    const at::Tensor prediction = at::log_softmax(widen(logits[j]) / temperature, 1);
    for (size_t i = 0; i < targets.size(); ++i) {
      if (i != j) pairs.push_back((targets[i].detach() * prediction).sum(1).mean());
    }
  }
  return at::stack(pairs).mean().neg();
}

void check_views(const char* loss, size_t targets, size_t views) {
  if (targets < 1 || targets > views || views < 2) {
    throw Error(ErrorKind::usage,
                {.what = loss,
                 .got = fmt::format("{} views with targets among {} views", targets, views),
                 .expected = "two views or more, at least one of them with targets",
                 .fix = "A view is never compared with itself: make more views"});
  }
}

}  // namespace vistas::contrast
