#include <ATen/ATen.h>

#include "vistas/measure/ranking.h"
#include "vistas/recommend/baselines/baselines.h"

namespace vistas::recommend {

search::TopK popularity_lists(const IdLists& train, int64_t items, int64_t k,
                              const search::RowFilter& filter) {
  check_ids(train, items, "training items");
  const at::Tensor counts = at::tensor(measure::occurrences(train, items)).to(at::kFloat);
  return search::top_k(at::ones({train.size(), 1}), counts.unsqueeze(1), k, search::Metric::dot,
                       filter);
}

}  // namespace vistas::recommend
