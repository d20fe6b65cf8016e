#include "vistas/contrast/ring.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "vistas/base/error.h"

namespace vistas::contrast {

void check_ring(int64_t capacity, int64_t dim) {
  if (capacity >= 1 && dim >= 1) return;
  throw Error(ErrorKind::usage, {.what = "queue of embeddings",
                                 .got = fmt::format("{} rows of {} numbers", capacity, dim),
                                 .expected = "one or more"});
}

void check_new_rows(const at::Tensor& z, const at::Tensor& rows) {
  if (z.dim() == 2 && z.size(1) == rows.size(1)) return;
  throw Error(ErrorKind::usage, {.what = "queue of embeddings: new rows",
                                 .got = fmt::format("[{}]", fmt::join(z.sizes(), ", ")),
                                 .expected = fmt::format("[N, {}]", rows.size(1))});
}

at::Tensor ring_places(const at::Tensor& pushed, int64_t n, int64_t capacity) {
  const int64_t kept = std::min(n, capacity);
  return (at::arange(n - kept, n, pushed.options()) + pushed).remainder(capacity);
}

at::Tensor last_rows(const at::Tensor& z, const at::Tensor& places) {
  return z.slice(0, z.size(0) - places.size(0));
}

}  // namespace vistas::contrast
