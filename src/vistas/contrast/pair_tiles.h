// All pairs of rows, compared tile by tile: memory grows with the rows, never with the pairs.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace vistas::contrast {

// Logits s_ij = scale <x_i, y_j> of rows x [N, D] and y [M, D] of one floating-point type, float32
// or float64, and one device.
struct PairSet {
  at::Tensor x, y = {};  // y undefined: x with itself
  double scale = 1;
  std::vector<int64_t> without = {};  // pairs on diagonals j - i are left out (y is x: i - j too)
  at::Tensor x_group = {}, y_group = {};  // int64 [N], [M] or undefined: pairs of equal groups too
  // Operands of products are rounded to bfloat16; logits and sums stay float32. The gradient of
  // NT-Xent is then off by less than 0.05 % / temperature: 0.04 to 0.2 % was measured at 0.1, 1 to
  // 2 % at 0.02 and at 0.01. Faster on CPUs with AVX512_BF16.
  bool bf16 = false;
};

// Results are float64; those of y are undefined where y is x. Every result is the same from run to
// run for the same number of threads.
class PairTiles {
 public:
  virtual ~PairTiles() = default;

  // rows_i = log sum_j exp(s_ij), columns_j = log sum_i exp(s_ij); -inf without any pair.
  struct LogSums {
    at::Tensor rows, columns;  // [N], [M]
  };
  virtual LogSums log_sums(bool columns) = 0;

  // x_i = sum_j c_ij y_j and y_j = sum_i c_ij x_i of
  //   c_ij = r_i exp(s_ij - rows_i) + q_j exp(s_ij - columns_j)
  // where a Share holds log sums rows [N] and weights r [N], or columns [M] and q [M]. An undefined
  // Share has no term; where y is x both are `rows`.
  struct Share {
    at::Tensor log_sums, weights;
  };
  struct Pulls {
    at::Tensor x, y;  // [N, D], [M, D]; y undefined unless wanted
  };
  virtual Pulls softmax_pulls(const Share& rows, const Share& columns, bool want_y) = 0;

  // Log sums of rows and the means of y by softmax: x_i = sum_j exp(s_ij - rows_i) y_j, in one
  // pass.
  virtual std::pair<at::Tensor, at::Tensor> attend();  // log sums [N], means [N, D]

  // Of rows against other rows: losses_i = sum_j log(1 + exp(s_ij + bias)), and pulls of weights 1
  // / (1 + exp(-s_ij - bias)).
  struct Sigmoids {
    at::Tensor losses, weights;  // [N], and sum_j of the weights [N]
    Pulls pulls;                 // if wanted
  };
  virtual Sigmoids sigmoids(double bias, bool want_pulls) = 0;
};

std::unique_ptr<PairTiles> pair_tiles(PairSet pairs);

}  // namespace vistas::contrast
