#include "vistas/measure/knn.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "vistas/base/error.h"
#include "vistas/measure/labels.h"
#include "vistas/search/top_k.h"

namespace vistas::measure {

std::vector<KnnPrediction> knn_classify(const at::Tensor& bank, const at::Tensor& bank_labels,
                                        const at::Tensor& queries, int64_t classes,
                                        const KnnOptions& options) {
  if (options.k.empty()) {
    throw Error(ErrorKind::usage,
                {.what = "knn.k", .got = "an empty list", .expected = "one number or more"});
  }
  const at::Tensor known = as_labels(bank_labels, bank.size(0), classes, "bank labels");
  const int64_t most = *std::max_element(options.k.begin(), options.k.end());
  const search::TopK near = search::top_k(queries, bank, most, search::Metric::cosine);
  const at::Tensor votes = known.index_select(0, near.indices.view(-1)).view_as(near.indices);
  // The best similarity of a query is taken off so that no exponential overflows.
  const at::Tensor weights =
      ((near.scores - near.scores.narrow(1, 0, 1)) / options.temperature).exp_();
  std::vector<KnnPrediction> out;
  for (const int64_t k : options.k) {
    const int64_t used = std::min(k, near.indices.size(1));
    const at::Tensor w = weights.narrow(1, 0, used);
    at::Tensor scores = at::zeros({queries.size(0), classes}, at::kFloat);
    scores.scatter_add_(1, votes.narrow(1, 0, used), w).div_(w.sum(1, /*keepdim=*/true));
    out.push_back({k, search::top_k_of_rows(scores, 1).indices.squeeze(1), scores});
  }
  return out;
}

}  // namespace vistas::measure
