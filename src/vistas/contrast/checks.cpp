#include "vistas/contrast/checks.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "vistas/base/error.h"

namespace vistas::contrast {
namespace {

std::string shape(const at::Tensor& x) {
  return fmt::format("[{}]", fmt::join(x.sizes(), ", "));
}

std::string kind(const at::Tensor& x) {
  return fmt::format("{} on {}", at::toString(x.scalar_type()), x.device().str());
}

[[noreturn]] void fail(const std::string& what, const std::string& got, const std::string& expected,
                       const std::string& fix = {}) {
  throw Error(ErrorKind::usage, {.what = what, .got = got, .expected = expected, .fix = fix});
}

}  // namespace

void check_rows(const char* loss, const at::Tensor& x) {
  if (!x.defined()) fail(loss, "no tensor", "a matrix [N, D]");
  if (x.dim() != 2 || x.numel() == 0) {
    fail(loss, "shape " + shape(x), "a matrix [N, D] with at least one row and one column");
  }
  if (!x.is_floating_point()) fail(loss, kind(x), "floating-point embeddings");
}

void check_comparable(const char* loss, const at::Tensor& x, const at::Tensor& y) {
  check_rows(loss, x);
  check_rows(loss, y);
  if (x.size(1) != y.size(1)) {
    fail(loss, fmt::format("shapes {} and {}", shape(x), shape(y)),
         "two matrices with the same number of columns");
  }
  if (x.scalar_type() != y.scalar_type() || x.device() != y.device()) {
    fail(loss, fmt::format("{} and {}", kind(x), kind(y)), "one type on one device");
  }
}

void check_pair(const char* loss, const at::Tensor& x, const at::Tensor& y) {
  check_comparable(loss, x, y);
  if (x.size(0) != y.size(0)) {
    fail(loss, fmt::format("shapes {} and {}", shape(x), shape(y)),
         "two matrices [N, D] of the same shape: row i of both is a pair");
  }
}

void check_ids(const char* loss, const char* name, const at::Tensor& ids, const at::Tensor& x) {
  const std::string what = fmt::format("{}: {}", loss, name);
  if (!ids.defined()) fail(what, "no tensor", "int64 [N], one for each row");
  if (ids.dim() != 1 || ids.size(0) != x.size(0)) {
    fail(what, "shape " + shape(ids), fmt::format("[{}], one for each row", x.size(0)));
  }
  if (ids.scalar_type() != at::kLong || ids.device() != x.device()) {
    fail(what, kind(ids), "int64 on the device of the embeddings");
  }
}

void check_scalar(const char* loss, const char* name, const at::Tensor& value,
                  const at::Tensor& x) {
  const std::string what = fmt::format("{}: {}", loss, name);
  if (!value.defined()) fail(what, "no tensor", "a tensor with one number");
  if (value.numel() != 1) fail(what, "shape " + shape(value), "a tensor with one number");
  if (!value.is_floating_point() || value.device() != x.device()) {
    fail(what, kind(value), "a floating-point number on the device of the embeddings");
  }
}

void check_positive(const char* loss, const char* name, double value) {
  if (value > 0 && std::isfinite(value)) return;
  fail(fmt::format("{}: {}", loss, name), fmt::format("{}", value), "a number above 0");
}

}  // namespace vistas::contrast
