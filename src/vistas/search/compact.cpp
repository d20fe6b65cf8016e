#include "vistas/search/compact.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "vistas/base/error.h"
#include "vistas/search/features.h"

namespace vistas::search {

Int8Rows to_int8(const at::Tensor& x) {
  const at::Tensor rows = as_features(x, "embeddings");
  const at::Tensor low = rows.amin(0), high = rows.amax(0);
  Int8Rows out;
  out.scale = (high - low) / 254;
  out.offset = (high + low) / 2;
  const at::Tensor divisor = at::where(out.scale > 0, out.scale, 1.0f);
  out.values = ((rows - out.offset) / divisor).round().clamp(-127, 127).to(at::kChar);
  return out;
}

at::Tensor from_int8(const Int8Rows& rows) {
  return rows.values.to(at::kFloat) * rows.scale + rows.offset;
}

at::Tensor to_bits(const at::Tensor& x) {
  const at::Tensor rows = as_features(x, "embeddings");
  const int64_t bytes = (rows.size(1) + 7) / 8;
  at::Tensor bits = at::zeros({rows.size(0), bytes * 8}, at::kInt);
  bits.narrow(1, 0, rows.size(1)).copy_(rows > 0);
  const at::Tensor weights = at::tensor({128, 64, 32, 16, 8, 4, 2, 1}, at::kInt);
  return (bits.view({rows.size(0), bytes, 8}) * weights).sum(2).to(at::kByte);
}

at::Tensor truncate_dims(const at::Tensor& x, int64_t dims) {
  if (dims < 1 || dims > x.size(1)) {
    throw Error(ErrorKind::usage,
                {.what = "dimensions to keep",
                 .got = fmt::to_string(dims),
                 .expected = fmt::format("1 .. {}, those of the encoder", x.size(1))});
  }
  const at::Tensor part = x.narrow(1, 0, dims);
  return part / part.norm(2, 1, /*keepdim=*/true).clamp_min(1e-12);
}

}  // namespace vistas::search
