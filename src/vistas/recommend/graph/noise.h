// Noise on the rows of a propagated table.
#pragma once

#include <ATen/core/Tensor.h>

#include "vistas/base/random.h"

namespace vistas::recommend {

// x += size * sign(x) * r / |r|, row by row, r uniform in (0, 1): every row is moved by `size`
// within its orthant; zeros stay. x [N, D] float32, contiguous. The noise is a function of the
// key and the place, whatever the threads; the key's sample is not used. Nothing of it is
// stored: it does not depend on x but for the signs, so the gradient passes unchanged.
// Yu et al., "Are graph augmentations necessary? Simple graph contrastive learning for
// recommendation", SIGIR 2022, eq. 7 and 8 (SimGCL).
void add_noise(const at::Tensor& x, double size, const DrawKey& key);

}  // namespace vistas::recommend
