#include "vistas/contrast/pair_rows.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace vistas::contrast {

constexpr double kShortest = 1e-12;  // as in unit_rows()

PairRows::PairRows(const at::Tensor& x, bool unit) : x_(x) {
  if (!unit) return;
  inverse_ = at::empty({x.size(0), 1}, x.options().dtype(at::kDouble));
  for_spans(x, x.size(0), [&](int64_t begin, int64_t end) {
    const at::Tensor length =
        at::linalg_vector_norm(x.slice(0, begin, end), 2, {1}, true, at::kDouble);
    inverse_.slice(0, begin, end)
        .copy_(length.clamp_min(kShortest).reciprocal().masked_fill_(length == 0, 0));
  });
}

at::Tensor PairRows::wide(int64_t begin, int64_t end) const {
  const at::Tensor rows = x_.slice(0, begin, end).to(at::kDouble);
  return inverse_.defined() ? rows * inverse_.slice(0, begin, end) : rows;
}

at::Tensor PairRows::rounded() const {
  if (!inverse_.defined()) return x_;
  at::Tensor rows = at::empty_like(x_);
  round_into(rows);
  return rows;
}

void PairRows::round_into(at::Tensor out) const {
  for_spans(x_, size(),
            [&](int64_t begin, int64_t end) { out.slice(0, begin, end).copy_(wide(begin, end)); });
}

at::Tensor PairRows::gradient(const at::Tensor& g, double factor) const {
  at::Tensor gradient = at::empty_like(x_);
  for_spans(x_, size(), [&](int64_t begin, int64_t end) {
    at::Tensor part = g.slice(0, begin, end) * factor;
    if (inverse_.defined()) {
      const at::Tensor unit = wide(begin, end), inverse = inverse_.slice(0, begin, end);
      // A row that is too short to have length one is only scaled.
      const at::Tensor along = (part * unit).sum(1, true).masked_fill_(inverse * kShortest >= 1, 0);
      part = part.addcmul_(unit, along, -1).mul_(inverse);
    }
    gradient.slice(0, begin, end).copy_(part);
  });
  return gradient;
}

void for_spans(const at::Tensor& like, int64_t n,
               const std::function<void(int64_t, int64_t)>& use) {
  constexpr int64_t kCached = 1 << 16, kMany = 1 << 24;  // numbers
  const int64_t span = std::max<int64_t>(1, (like.is_cpu() ? kCached : kMany) / like.size(1));
  for (int64_t begin = 0; begin < n; begin += span) use(begin, std::min(n, begin + span));
}

}  // namespace vistas::contrast
