#include "vistas/contrast/memory.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "vistas/contrast/checks.h"
#include "vistas/contrast/pairs.h"
#include "vistas/contrast/precision.h"
#include "vistas/contrast/ring.h"

namespace vistas::contrast {

CrossBatchMemory::CrossBatchMemory(int64_t capacity, int64_t dim) {
  check_ring(capacity, dim);
  rows_ = at::zeros({capacity, dim});
  labels_ = at::zeros({capacity}, at::kLong);
  pushed_ = at::zeros({1}, at::kLong);
}

int64_t CrossBatchMemory::filled() const {
  return std::min(pushed_.item<int64_t>(), rows_.size(0));
}

at::Tensor CrossBatchMemory::rows() const {
  return rows_.slice(0, 0, filled());
}

at::Tensor CrossBatchMemory::labels() const {
  return labels_.slice(0, 0, filled());
}

void CrossBatchMemory::push(const at::Tensor& z, const at::Tensor& labels) {
  const at::NoGradGuard no_grad;
  check_new_rows(z, rows_);
  check_ids("cross-batch memory", "labels", labels, z);
  const at::Tensor index = ring_places(pushed_, z.size(0), rows_.size(0));
  rows_.index_copy_(0, index, last_rows(z, index).to(rows_.scalar_type()));
  labels_.index_copy_(0, index, last_rows(labels, index));
  pushed_ += z.size(0);
}

at::Tensor contrastive_with_memory(const at::Tensor& z, const at::Tensor& labels,
                                   const CrossBatchMemory& memory,
                                   const ContrastiveOptions& options) {
  check_alike("contrastive_with_memory", {z});
  check_ids("contrastive_with_memory", "labels", labels, z);
  check_new_rows(z, memory.all_rows());
  const FullPrecision scope;
  const at::Tensor rows = memory.rows();
  if (rows.size(0) == 0) return widen(z).sum() * 0;
  const at::Tensor same = labels.unsqueeze(1) == memory.labels().unsqueeze(0);
  const at::Tensor wide = widen(z);
  const at::Tensor d =
      distances(wide, rows.to(wide.scalar_type()), options.similarity, options.normalize);
  const auto hinge = [&](const at::Tensor& x) {
    const at::Tensor above = at::relu(x);
    return options.squared ? above.square() / 2 : above;
  };
  const at::Tensor far = hinge(d - options.positive_margin).masked_fill(same.logical_not(), 0);
  const at::Tensor near = hinge(options.margin - d).masked_fill(same, 0);
  return mean_of(far, MeanOver::nonzero) + mean_of(near, MeanOver::nonzero);
}

}  // namespace vistas::contrast
