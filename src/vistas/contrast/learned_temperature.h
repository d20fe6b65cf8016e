// The temperature as a parameter of the model.
#pragma once

#include <ATen/core/Tensor.h>

#include "vistas/base/options.h"

namespace vistas::contrast {

// A module registers log_scale() as a parameter, gives it to clip_loss() or siglip(), and calls
// clamp_() after every step of the optimiser. Weight decay should leave it alone.
struct LearnedTemperature {
  double initial = 0.07;
  double max_scale = 100;

  void fields(Fields& f) {
    f.add("initial", initial, "the temperature that training begins with", {1e-4, 1e4});
    f.add("max_scale", max_scale, "similarities are multiplied by at most this", {1e-4, 1e4});
  }

  // ln(1 / initial): a float32 scalar that requires a gradient.
  at::Tensor log_scale() const;

  // log_scale = min(log_scale, ln(max_scale)), in place and without a gradient.
  void clamp_(const at::Tensor& log_scale) const;
};

}  // namespace vistas::contrast
