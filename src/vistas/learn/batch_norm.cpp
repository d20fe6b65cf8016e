#include "vistas/learn/batch_norm.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "vistas/base/error.h"

namespace vistas::learn {

at::Tensor batch_norm_act(const at::Tensor& x, const BatchNormState& state,
                          const BatchNormOptions& options, const at::Tensor& residual) {
  if (options.training && x.numel() / x.size(1) < 2) {
    throw Error(ErrorKind::usage,
                {.what = "batch normalisation in training",
                 .got = fmt::format("one value a channel in [{}]", fmt::join(x.sizes(), ", ")),
                 .expected = "two or more",
                 .fix = "Use a larger batch or drop the last incomplete one"});
  }
  at::Tensor y = at::batch_norm(x, state.weight, state.bias, state.running_mean, state.running_var,
                                options.training, options.momentum, options.eps, false);
  if (residual.defined()) y = y + residual;
  return options.relu ? y.relu() : y;
}

}  // namespace vistas::learn
