#include "vistas/contrast/pair_tiles.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "vistas/contrast/pair_tiles_cpu.h"
#include "vistas/contrast/shared_tiles.h"

namespace vistas::contrast {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Whether the CPU has units for products of bfloat16 matrices, which LibTorch's own products use.
// There those are several times as fast as any loop over vectors.
bool has_bf16_matrices() {
#if defined(__x86_64__) && defined(__GNUC__)
  static const bool has = __builtin_cpu_supports("amx-bf16");
  return has;
#else
  return false;
#endif
}

// While alive, products of float32 matrices on the CPU round their operands to bfloat16 and add in
// float32. This is a setting of the process.
class Bf16Products {
 public:
  explicit Bf16Products(bool on) : on_(on) {
    if (!on_) return;
    before_ = at::globalContext().float32Precision(kBackend, kProduct);
    at::globalContext().setFloat32Precision(kBackend, kProduct, at::Float32Precision::BF16);
  }
  ~Bf16Products() {
    if (on_) at::globalContext().setFloat32Precision(kBackend, kProduct, before_);
  }
  Bf16Products(const Bf16Products&) = delete;
  Bf16Products& operator=(const Bf16Products&) = delete;

 private:
  static constexpr at::Float32Backend kBackend = at::Float32Backend::MKLDNN;
  static constexpr at::Float32Op kProduct = at::Float32Op::MATMUL;
  bool on_;
  at::Float32Precision before_ = at::Float32Precision::NONE;
};

// Any device and type, with the operations of ATen.
class AtenTiles : public PairTiles {
 public:
  AtenTiles(const PairSet& pairs, bool bf16_products)
      : pairs_(pairs),
        self_(!pairs.y.defined()),
        bf16_products_(bf16_products),
        tile_(pairs.x.is_cpu() ? 512 : 4096) {
    if (self_) {
      pairs_.y = pairs_.x;
      pairs_.y_group = pairs_.x_group;
    }
    if (pairs_.bf16) {
      pairs_.x = pairs_.x.to(at::kBFloat16).to(pairs.x.scalar_type());
      pairs_.y = self_ ? pairs_.x : pairs_.y.to(at::kBFloat16).to(pairs.y.scalar_type());
    }
    wide_ = pairs_.x.options().dtype(at::kDouble);
  }

  LogSums log_sums(bool columns) override {
    columns = columns || self_;
    LogSums sums{at::full({pairs_.x.size(0)}, -kInfinity, wide_), {}};
    if (columns) sums.columns = self_ ? sums.rows : at::full({pairs_.y.size(0)}, -kInfinity, wide_);
    for_tiles([&](const Span& i, const Span& j) {
      const at::Tensor s = logits(i, j);
      add_log(part(sums.rows, i), s.logsumexp(1));
      if (columns && !(self_ && i.begin == j.begin)) add_log(part(sums.columns, j), s.logsumexp(0));
    });
    if (self_) sums.columns.reset();
    return sums;
  }

  Pulls softmax_pulls(const Share& rows, const Share& columns, bool want_y) override {
    const auto [row_sums, row_weights] = narrowed(rows);
    const auto [column_sums, column_weights] = narrowed(self_ ? rows : columns);
    Pulls pulls = zero_pulls(want_y);
    for_tiles([&](const Span& i, const Span& j) {
      const at::Tensor s = logits(i, j);
      at::Tensor c = (s - part(row_sums, i).unsqueeze(1)).exp_();
      c.mul_(part(row_weights, i).unsqueeze(1));
      if (column_sums.defined()) {
        c.add_((s - part(column_sums, j)).exp_().mul_(part(column_weights, j)));
      }
      pull(c, i, j, pulls);
    });
    return widened(pulls);
  }

  Sigmoids sigmoids(double bias, bool want_pulls) override {
    Sigmoids result{at::zeros({pairs_.x.size(0)}, wide_), at::zeros({pairs_.x.size(0)}, wide_),
                    zero_pulls(true)};
    for_tiles([&](const Span& i, const Span& j) {
      at::Tensor s = logits(i, j).add_(bias);
      part(result.losses, i) -= at::log_sigmoid(-s).sum(1);
      s.sigmoid_();
      part(result.weights, i) += s.sum(1);
      if (want_pulls) pull(s, i, j, result.pulls);
    });
    result.pulls = widened(result.pulls);
    return result;
  }

 private:
  struct Span {
    int64_t begin, size;
  };

  static at::Tensor part(const at::Tensor& x, const Span& s) {
    return x.narrow(0, s.begin, s.size);
  }

  // A share in the type of the operands; -inf, which no pair refers to, becomes 0.
  Share narrowed(const Share& share) const {
    if (!share.weights.defined()) return {};
    const at::Tensor sums = share.log_sums.masked_fill(share.log_sums == -kInfinity, 0);
    return {sums.to(pairs_.x.dtype()), share.weights.to(pairs_.x.dtype())};
  }

  static void add_log(at::Tensor sums, const at::Tensor& more) {
    sums.copy_(at::logaddexp(sums, more.to(at::kDouble)));
  }

  // Where y is x, only tiles on and above the diagonal.
  template <class Use>
  void for_tiles(const Use& use) const {
    const Bf16Products scope(bf16_products_);
    const int64_t n = pairs_.x.size(0), m = pairs_.y.size(0);
    for (int64_t i = 0; i < n; i += tile_) {
      for (int64_t j = self_ ? i : 0; j < m; j += tile_) {
        use(Span{i, std::min(tile_, n - i)}, Span{j, std::min(tile_, m - j)});
      }
    }
  }

  at::Tensor logits(const Span& i, const Span& j) const {
    at::Tensor s = at::mm(part(pairs_.x, i), part(pairs_.y, j).t()).mul_(pairs_.scale);
    for (const int64_t diagonal : pairs_.without) {
      const int64_t here = diagonal + i.begin - j.begin;
      if (here > -i.size && here < j.size) s.diagonal(here).fill_(-kInfinity);
    }
    if (pairs_.x_group.defined()) {
      const at::Tensor same = part(pairs_.x_group, i).unsqueeze(1) == part(pairs_.y_group, j);
      s.masked_fill_(same, -kInfinity);
    }
    return s;
  }

  Pulls zero_pulls(bool want_y) const {
    return {at::zeros_like(pairs_.x), want_y && !self_ ? at::zeros_like(pairs_.y) : at::Tensor()};
  }

  void pull(const at::Tensor& weights, const Span& i, const Span& j, Pulls& pulls) const {
    part(pulls.x, i).addmm_(weights, part(pairs_.y, j));
    if (self_ && i.begin != j.begin) part(pulls.x, j).addmm_(weights.t(), part(pairs_.x, i));
    if (pulls.y.defined()) part(pulls.y, j).addmm_(weights.t(), part(pairs_.x, i));
  }

  static Pulls widened(const Pulls& pulls) {
    return {pulls.x.to(at::kDouble), pulls.y.defined() ? pulls.y.to(at::kDouble) : at::Tensor()};
  }

  PairSet pairs_;
  bool self_, bf16_products_;
  int64_t tile_;
  at::TensorOptions wide_;
};

}  // namespace

std::pair<at::Tensor, at::Tensor> PairTiles::attend() {
  const at::Tensor rows = log_sums(false).rows;
  return {rows, softmax_pulls({rows, at::ones_like(rows)}, {}, false).x};
}

namespace {

std::unique_ptr<PairTiles> own_tiles(PairSet pairs) {
  if (!pairs.y.defined()) {
    for (size_t k = pairs.without.size(); k-- > 0;) pairs.without.push_back(-pairs.without[k]);
  }
  if (!pairs.x.is_cpu() || pairs.x.scalar_type() != at::kFloat) {
    return std::make_unique<AtenTiles>(pairs, false);
  }
  // Below, the calls cost more than the products.
  constexpr int64_t kManyPairs = 1 << 18;
  const int64_t columns = pairs.y.defined() ? pairs.y.size(0) : pairs.x.size(0);
  if (pairs.bf16 && has_bf16_matrices() && pairs.x.size(0) * columns >= kManyPairs) {
    return std::make_unique<AtenTiles>(pairs, true);
  }
  return cpu_pair_tiles(std::move(pairs));
}

}  // namespace

std::unique_ptr<PairTiles> pair_tiles(PairSet pairs) {
  const int64_t columns = pairs.y.defined() ? pairs.y.size(0) : pairs.x.size(0);
  const search::Partners* partners = search::PartnersScope::current(pairs.x.numel() * columns);
  return partners != nullptr ? shared_tiles(pairs, *partners, own_tiles)
                             : own_tiles(std::move(pairs));
}

}  // namespace vistas::contrast
