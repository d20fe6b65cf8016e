// Embeddings of earlier batches with their labels, and a loss against them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "vistas/contrast/contrastive.h"

namespace vistas::contrast {

// The last K embeddings, as they came, with a label each.
// Wang et al., "Cross-batch memory for embedding learning", 2020.
class CrossBatchMemory {
 public:
  CrossBatchMemory(int64_t capacity, int64_t dim);

  // What has come so far, up to K rows.
  at::Tensor rows() const;    // [M, D]
  at::Tensor labels() const;  // [M] int64

  // z [N, D], labels [N] int64. Of more than K rows the last K stay.
  void push(const at::Tensor& z, const at::Tensor& labels);

  // The whole state, to be registered as buffers.
  const at::Tensor& all_rows() const { return rows_; }
  const at::Tensor& all_labels() const { return labels_; }
  const at::Tensor& pushed() const { return pushed_; }

 private:
  int64_t filled() const;

  at::Tensor rows_, labels_, pushed_;
};

// The contrastive loss over all pairs of a row of z [N, D] and a row of the memory [M, D]: positive
// if their labels are equal. The mean of the positive terms above zero plus the mean of the
// negative terms above zero; terms as in contrastive(). No gradient into the memory; 0 while it is
// empty. A batch enters the memory after its loss, so that no row meets itself.
at::Tensor contrastive_with_memory(const at::Tensor& z, const at::Tensor& labels,
                                   const CrossBatchMemory& memory,
                                   const ContrastiveOptions& options = {});

}  // namespace vistas::contrast
