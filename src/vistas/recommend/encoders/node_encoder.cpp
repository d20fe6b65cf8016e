#include "vistas/recommend/encoders/node_encoder.h"

#include <ATen/ATen.h>

#include <cmath>

namespace vistas::recommend {

at::Tensor glorot_uniform(int64_t rows, int64_t columns, const at::Generator& generator) {
  const double bound = std::sqrt(6.0 / static_cast<double>(rows + columns));
  return at::empty({rows, columns}).uniform_(-bound, bound, generator);
}

}  // namespace vistas::recommend
