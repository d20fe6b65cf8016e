// Embeddings of earlier batches: more negatives than a batch holds, and neighbours to learn from.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace vistas::contrast {

// The last K embeddings, as unit rows; random unit rows drawn from `seed` where none have come yet.
// Its two tensors are its whole state: register them as buffers, and a checkpoint keeps it.
// He et al., "Momentum contrast for unsupervised visual representation learning", 2020.
class Queue {
 public:
  Queue(int64_t capacity, int64_t dim, uint64_t seed);

  const at::Tensor& rows() const { return rows_; }      // [K, D], in no order that matters
  const at::Tensor& pushed() const { return pushed_; }  // [1] int64: embeddings that came so far
  int64_t capacity() const;
  bool full() const;  // no random row is left

  // unit(z) replaces the oldest rows. z [N, D]; of more than K rows the last K stay.
  void push(const at::Tensor& z);

 private:
  at::Tensor rows_, pushed_;
};

}  // namespace vistas::contrast
