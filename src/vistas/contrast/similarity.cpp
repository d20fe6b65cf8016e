#include "vistas/contrast/similarity.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "vistas/base/error.h"
#include "vistas/contrast/precision.h"
#include "vistas/contrast/shared_rows.h"

namespace vistas::contrast {
namespace {

// |x|^2 + |y|^2 - 2 xy would be faster and lose the exact zero of equal rows.
at::Tensor distances(const at::Tensor& x, const at::Tensor& y, double p) {
  return each_of_rows(x.size(0), x.numel() * y.size(0), {x, y},
                      [p](int64_t begin, int64_t end, const std::vector<at::Tensor>& z) {
                        constexpr int64_t kWithoutMatrixProduct = 2;
                        return at::cdist(z[0].slice(0, begin, end), z[1], p, kWithoutMatrixProduct);
                      });
}

}  // namespace

std::vector<std::pair<std::string, Similarity>> similarity_names() {
  return {{"cosine", Similarity::cosine},
          {"dot", Similarity::dot},
          {"euclidean", Similarity::euclidean},
          {"squared_euclidean", Similarity::squared_euclidean},
          {"manhattan", Similarity::manhattan}};
}

at::Tensor unit_rows(const at::Tensor& x) {
  const FullPrecision scope;
  const at::Tensor wide = widen(x);
  const at::Tensor norm = at::linalg_vector_norm(wide, 2, {1}, true);
  const at::Tensor inverse = norm.clamp_min(1e-12).reciprocal();
  return wide * inverse.masked_fill(norm == 0, 0);
}

at::Tensor similarity(const at::Tensor& x, const at::Tensor& y, Similarity kind) {
  if (x.dim() != 2 || y.dim() != 2 || x.size(1) != y.size(1)) {
    throw Error(ErrorKind::usage, {.what = "similarity",
                                   .got = fmt::format("shapes {} and {}", fmt::join(x.sizes(), "x"),
                                                      fmt::join(y.sizes(), "x")),
                                   .expected = "two matrices with the same number of columns"});
  }
  const FullPrecision scope;
  switch (kind) {
    case Similarity::cosine:
      return at::mm(unit_rows(x), unit_rows(y).t());
    case Similarity::dot:
      return at::mm(widen(x), widen(y).t());
    case Similarity::euclidean:
      return distances(widen(x), widen(y), 2).neg();
    case Similarity::squared_euclidean:
      return distances(widen(x), widen(y), 2).square().neg();
    case Similarity::manhattan:
      return distances(widen(x), widen(y), 1).neg();
  }
  throw Error(ErrorKind::usage, {.what = "similarity: unknown kind"});
}

at::Tensor row_similarity(const at::Tensor& x, const at::Tensor& y, Similarity kind) {
  if (x.dim() != 2 || x.sizes() != y.sizes()) {
    throw Error(ErrorKind::usage, {.what = "row_similarity",
                                   .got = fmt::format("shapes {} and {}", fmt::join(x.sizes(), "x"),
                                                      fmt::join(y.sizes(), "x")),
                                   .expected = "two matrices of the same shape"});
  }
  const FullPrecision scope;
  switch (kind) {
    case Similarity::cosine:
      return (unit_rows(x) * unit_rows(y)).sum(1);
    case Similarity::dot:
      return (widen(x) * widen(y)).sum(1);
    case Similarity::euclidean:
      return at::linalg_vector_norm(widen(x) - widen(y), 2, {1}).neg();
    case Similarity::squared_euclidean:
      return (widen(x) - widen(y)).square().sum(1).neg();
    case Similarity::manhattan:
      return (widen(x) - widen(y)).abs().sum(1).neg();
  }
  throw Error(ErrorKind::usage, {.what = "row_similarity: unknown kind"});
}

}  // namespace vistas::contrast
