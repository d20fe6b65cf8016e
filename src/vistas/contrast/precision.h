// Losses and measures accumulate in float32 or better, whatever autocast says.
#pragma once

#include <ATen/ATen.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

namespace vistas::contrast {

// While alive, autocast leaves the operations of this thread alone.
class FullPrecision {
  c10::impl::ExcludeDispatchKeyGuard no_autocast_{c10::autocast_dispatch_keyset};
};

// float64 stays, everything else becomes float32.
inline at::Tensor widen(const at::Tensor& x) {
  return x.scalar_type() == at::kDouble ? x : x.to(at::kFloat);
}

}  // namespace vistas::contrast
