#include "vistas/search/features.h"

#include <fmt/format.h>

#include "vistas/base/error.h"

namespace vistas::search {

at::Tensor as_features(const at::Tensor& features, const std::string& name) {
  const auto wrong = [&](const std::string& got) {
    return Error(ErrorKind::data,
                 {.what = name, .got = got, .expected = "a table of numbers [N, D]"});
  };
  if (!features.defined()) throw wrong("nothing");
  if (features.dim() != 2 || features.is_complex()) {
    throw wrong(fmt::format("{} dimensions", features.dim()));
  }
  if (features.size(0) == 0 || features.size(1) == 0) {
    throw wrong(fmt::format("{} rows of {} columns", features.size(0), features.size(1)));
  }
  const at::Tensor table = features.detach().to(at::kCPU, at::kFloat).contiguous();
  // A sum is finite unless a value is not, or many are huge; only then is every row looked at.
  if (!std::isfinite(table.sum(at::kDouble).item<double>())) {
    const at::Tensor bad = at::isfinite(table).all(1).logical_not().nonzero();
    if (bad.numel() > 0) {
      throw Error(
          ErrorKind::numeric,
          {.what = fmt::format("{}: {} of {} rows hold NaN or infinity, the first is row {}", name,
                               bad.size(0), table.size(0), bad[0][0].item<int64_t>()),
           .fix = "The encoder that made them has diverged; use an earlier checkpoint"});
    }
  }
  return table;
}

}  // namespace vistas::search
