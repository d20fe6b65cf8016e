// Matryoshka: a loss of the first columns of embeddings, for several numbers of columns.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

#include "vistas/base/options.h"

namespace vistas::contrast {

struct MatryoshkaOptions {
  std::vector<int64_t> dims{};
  std::vector<double> weights{};

  void fields(Fields& f) {
    f.add("dims", dims, "how many of the first columns each term of the loss sees", {1, 1e6});
    f.add("weights", weights, "one for each of dims; none: all 1", {0, 1e6});
  }
};

// A loss of paired rows, such as nt_xent with its options bound.
using PairLoss = std::function<at::Tensor(const at::Tensor&, const at::Tensor&)>;

// The weighted sum of a loss over prefixes of the embeddings, which become useful when cut short:
//
//   sum_m weights_m loss(x[:, :dims_m], y[:, :dims_m])
//
// x, y [N, D]; 1 <= dims_m <= D. A loss that normalises does so after the cut. Throws a usage error
// for dims that are missing or too large and for weights that do not match.
// Kusupati et al., "Matryoshka representation learning", 2022, eq. 1.
at::Tensor matryoshka(const at::Tensor& x, const at::Tensor& y, const PairLoss& loss,
                      const MatryoshkaOptions& options);

// The same of a loss of any embeddings [., D], all of which are cut: anchors, positives and
// negatives, predictions, a queue. What is no embedding (labels, scores) the function binds.
using RowsLoss = std::function<at::Tensor(const std::vector<at::Tensor>&)>;
at::Tensor matryoshka(const std::vector<at::Tensor>& embeddings, const RowsLoss& loss,
                      const MatryoshkaOptions& options);

}  // namespace vistas::contrast
