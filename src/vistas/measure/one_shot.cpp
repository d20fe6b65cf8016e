#include "vistas/measure/one_shot.h"

#include <limits>

#include "vistas/measure/labels.h"
#include "vistas/search/top_k.h"

namespace vistas::measure {

double nearest_example_accuracy(const at::Tensor& support, const at::Tensor& support_labels,
                                const at::Tensor& queries, const at::Tensor& query_labels) {
  constexpr int64_t kAnyClass = std::numeric_limits<int64_t>::max();
  const at::Tensor known = as_labels(support_labels, support.size(0), kAnyClass, "support labels");
  const at::Tensor wanted = as_labels(query_labels, queries.size(0), kAnyClass, "query labels");
  const search::TopK near = search::top_k(queries, support, 1, search::Metric::cosine);
  return accuracy(known.index_select(0, near.indices.squeeze(1)), wanted);
}

}  // namespace vistas::measure
