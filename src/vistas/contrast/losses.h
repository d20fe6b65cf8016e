// The table of losses: which there are, what each compares, and for which data it is meant.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "vistas/base/options.h"

namespace vistas::contrast {

// What a loss may take. Row i of all [N, D] tensors belongs to sample i.
struct LossInputs {
  at::Tensor a, b;           // [N, D] two views, or anchor and positive
  at::Tensor negative;       // [N, D]
  at::Tensor predictions_a;  // [N, D] of a predictor over a
  at::Tensor predictions_b;  // [N, D]
  at::Tensor labels;         // [N] int64
  at::Tensor score;          // [N] graded likeness of a and b, 0 .. 1
  at::Tensor queue;          // [K, D] rows of length one
  at::Tensor scale;          // one number: logarithm of 1 / temperature
  at::Tensor bias;           // one number
};

// A loss that has been named: its options, then the scalar.
class LossChoice {
 public:
  virtual ~LossChoice() = default;
  virtual void fields(Fields& f) = 0;
  virtual at::Tensor operator()(const LossInputs& inputs) const = 0;
};

struct LossEntry {
  std::string name;    // of the function
  std::string header;  // below vistas/contrast/
  std::string takes;   // "two views", "labels" ...
  std::string data;    // which data it is meant for, one phrase
  std::string source;  // author and year
  std::unique_ptr<LossChoice> (*choose)();
};

// A new loss is a line in this table.
const std::vector<LossEntry>& losses();

// The table as Markdown: name, what it takes, data, options with defaults, source.
std::string losses_as_markdown();

}  // namespace vistas::contrast
