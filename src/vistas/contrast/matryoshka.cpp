#include "vistas/contrast/matryoshka.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "vistas/base/error.h"
#include "vistas/contrast/checks.h"

namespace vistas::contrast {
namespace {

void check(const at::Tensor& x, const MatryoshkaOptions& options) {
  if (options.dims.empty()) {
    throw Error(ErrorKind::usage, {.what = "matryoshka: dims",
                                   .got = "none",
                                   .expected = fmt::format("numbers from 1 to {}", x.size(1)),
                                   .fix = "For example the full width, its half and a quarter"});
  }
  for (const int64_t dim : options.dims) {
    if (dim >= 1 && dim <= x.size(1)) continue;
    throw Error(ErrorKind::usage, {.what = "matryoshka: dims",
                                   .got = fmt::format("{}", dim),
                                   .expected = fmt::format("numbers from 1 to {}, the width of "
                                                           "the embeddings",
                                                           x.size(1))});
  }
  if (!options.weights.empty() && options.weights.size() != options.dims.size()) {
    throw Error(ErrorKind::usage,
                {.what = "matryoshka: weights",
                 .got = fmt::format("{} numbers", options.weights.size()),
                 .expected = fmt::format("{}, one for each of dims", options.dims.size())});
  }
}

}  // namespace

at::Tensor matryoshka(const at::Tensor& x, const at::Tensor& y, const PairLoss& loss,
                      const MatryoshkaOptions& options) {
  check_comparable("matryoshka", x, y);
  return matryoshka(
      {x, y}, [&](const auto& cut) { return loss(cut[0], cut[1]); }, options);
}

at::Tensor matryoshka(const std::vector<at::Tensor>& embeddings, const RowsLoss& loss,
                      const MatryoshkaOptions& options) {
  for (const at::Tensor& rows : embeddings) {
    check_comparable("matryoshka", embeddings.front(), rows);
  }
  check(embeddings.front(), options);
  at::Tensor sum;
  for (size_t m = 0; m < options.dims.size(); ++m) {
    std::vector<at::Tensor> cut;
    for (const at::Tensor& rows : embeddings) cut.push_back(rows.narrow(1, 0, options.dims[m]));
    const double weight = options.weights.empty() ? 1 : options.weights[m];
    const at::Tensor term = loss(cut) * weight;
    sum = sum.defined() ? sum + term : term;
  }
  return sum;
}

}  // namespace vistas::contrast
