#include "vistas/contrast/queue.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include "vistas/contrast/precision.h"
#include "vistas/contrast/ring.h"
#include "vistas/contrast/similarity.h"

namespace vistas::contrast {

Queue::Queue(int64_t capacity, int64_t dim, uint64_t seed) {
  check_ring(capacity, dim);
  at::Generator generator = at::detail::createCPUGenerator(seed);
  rows_ = unit_rows(at::empty({capacity, dim}).normal_(0, 1, generator));
  pushed_ = at::zeros({1}, at::kLong);
}

int64_t Queue::capacity() const {
  return rows_.size(0);
}

bool Queue::full() const {
  return pushed_.item<int64_t>() >= capacity();
}

void Queue::push(const at::Tensor& z) {
  const at::NoGradGuard no_grad;
  const FullPrecision scope;
  check_new_rows(z, rows_);
  const at::Tensor index = ring_places(pushed_, z.size(0), capacity());
  rows_.index_copy_(0, index, unit_rows(widen(last_rows(z, index))).to(rows_.scalar_type()));
  pushed_ += z.size(0);
}

}  // namespace vistas::contrast
