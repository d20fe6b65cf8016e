#include "vistas/contrast/pair_tiles_cpu.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "vistas/contrast/pair_kernels.h"

namespace vistas::contrast {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int64_t kGrain = 32;  // tiles and widths are multiples of it
// Up to this, sums of exp(s) and their inverses are float32 for every row: 2 x 43.6 < 87.3.
constexpr double kUnshiftedLimit = 43.6;
constexpr double kFarBelow = -1e30;

int64_t blocks_of(int64_t n, int64_t size) {
  return (n + size - 1) / size;
}

// Pairs of blocks (i, j) in rounds: no two of a round write to the same rows, so the order of all
// sums is fixed, whatever thread takes which.
class Schedule {
 public:
  Schedule(int64_t rows, int64_t columns, bool self)
      : rows_(rows), columns_(columns), self_(self) {}

  int64_t rounds() const { return self_ ? players() : std::max(rows_, columns_); }

  std::vector<std::pair<int64_t, int64_t>> round(int64_t r) const {
    std::vector<std::pair<int64_t, int64_t>> pairs;
    if (!self_) {
      for (int64_t k = 0; k < std::min(rows_, columns_); ++k) {
        rows_ <= columns_ ? pairs.emplace_back(k, (k + r) % columns_)
                          : pairs.emplace_back((k + r) % rows_, k);
      }
      return pairs;
    }
    // The diagonal, then every block meets every other as the players of a tournament do.
    if (r == 0) {
      for (int64_t k = 0; k < rows_; ++k) pairs.emplace_back(k, k);
      return pairs;
    }
    const int64_t n = players() - 1;
    for (int64_t k = 0; k < players() / 2; ++k) {
      const int64_t a = k == 0 ? n : (r + k) % n, b = (r + n - k) % n;
      if (std::max(a, b) < rows_) pairs.emplace_back(std::min(a, b), std::max(a, b));
    }
    return pairs;
  }

 private:
  int64_t players() const { return rows_ + rows_ % 2; }

  int64_t rows_, columns_;
  bool self_;
};

// Rows come in blocks of some tiles. A thread that has two blocks goes from tile to tile along rows
// and back, so that every tile finds one side of the last in the cache.
struct Blocks {
  int64_t tile = kGrain, tiles = 1;
  int64_t rows() const { return tile * tiles; }
};

// Waking threads costs more than they save below this.
int64_t choose_threads(int64_t rows, int64_t columns, int64_t width) {
  constexpr int64_t kFew = 1 << 21;
  return rows * columns * width < kFew ? 1 : at::get_num_threads();
}

// The blocks that keep threads busy and tiles in the cache.
Blocks choose_blocks(int64_t rows, int64_t columns, int64_t width, int64_t threads, bool self) {
  constexpr int64_t kMostNumbers = 24576, kMost = 192;
  constexpr double kPerRow = 4, kPerSide = 32;  // measured: the cost of a tile beside its products
  const int64_t most = std::clamp(kMostNumbers / width / kGrain * kGrain, kGrain, kMost);
  Blocks best;
  double least = kInfinity;
  for (int64_t tile = most; tile >= kGrain; tile -= kGrain) {
    for (const int64_t tiles : {4, 3, 2, 1}) {
      const Blocks blocks{tile, tiles};
      const int64_t i = blocks_of(rows, blocks.rows()), j = blocks_of(columns, blocks.rows());
      const int64_t turns =
          self ? (i - 1 + i % 2) * blocks_of(i / 2, threads) + blocks_of(i, threads)
               : std::max(i, j) * blocks_of(std::min(i, j), threads);
      const double pairs = static_cast<double>(turns * blocks.rows() * blocks.rows());
      const double beside = kPerRow + kPerSide / static_cast<double>(tiles);
      const double cost = pairs * (1 + beside / static_cast<double>(tile));
      if (cost < least) {
        least = cost;
        best = blocks;
      }
    }
  }
  return best;
}

// Rows with zeros behind them, in the orders the kernels read.
struct PackedRows {
  at::Tensor lines, across, along;
};

// Takes x, so that it need not be held beside its copies.
PackedRows pack(at::Tensor x, int64_t rows, int64_t tile, int64_t width, bool bf16) {
  const int64_t panel = panel_columns();
  at::Tensor padded =
      at::zeros({rows, width}, x.options().dtype(bf16 ? at::kBFloat16 : at::kFloat));
  padded.narrow(0, 0, x.size(0)).narrow(1, 0, x.size(1)).copy_(x);
  x.reset();
  PackedRows packed;
  if (bf16) {
    packed.lines = padded.view(at::kInt);
    // Two rows in one word, the first in its lower half.
    const at::Tensor halves = padded.view(at::kShort).view({rows / 2, 2, width}).to(at::kInt);
    const at::Tensor pairs = halves.select(1, 0).bitwise_and(0xffff).bitwise_or_(
        halves.select(1, 1).bitwise_left_shift(16));
    packed.along =
        pairs.view({rows / tile, tile / 2, width / panel, panel}).transpose(1, 2).contiguous();
  } else {
    packed.lines = padded;
    packed.along =
        padded.view({rows / tile, tile, width / panel, panel}).transpose(1, 2).contiguous();
  }
  packed.across =
      packed.lines.view({rows / panel, panel, packed.lines.size(1)}).transpose(1, 2).contiguous();
  return packed;
}

const float* words(const at::Tensor& x) {
  return static_cast<const float*>(x.const_data_ptr());
}

template <class T>
T* data(const at::Tensor& x, int64_t offset) {
  return x.defined() ? x.mutable_data_ptr<T>() + offset : nullptr;
}

class CpuTiles : public PairTiles {
 public:
  explicit CpuTiles(PairSet pairs)
      : self_(!pairs.y.defined()),
        bf16_(pairs.bf16 && has_bf16_products()),
        scale_(pairs.scale),
        rows_(pairs.x.size(0)),
        columns_(self_ ? rows_ : pairs.y.size(0)),
        dim_(pairs.x.size(1)),
        width_(blocks_of(dim_, kGrain) * kGrain),
        threads_(choose_threads(rows_, columns_, width_)),
        blocks_(choose_blocks(rows_, columns_, width_, threads_, self_)) {
    const auto longest = [](const at::Tensor& rows) {
      return at::linalg_vector_norm(rows, 2, {1}).max().item<double>();
    };
    const auto operand = [&](at::Tensor& rows) {
      at::Tensor taken = std::exchange(rows, {});
      return pairs.bf16 && !bf16_ ? taken.to(at::kBFloat16).to(at::kFloat) : taken;
    };
    const double x_length = longest(pairs.x);
    limit_ = std::abs(scale_) * x_length * (self_ ? x_length : longest(pairs.y));
    x_ = pack(operand(pairs.x), padded_rows(), blocks_.tile, width_, bf16_);
    y_ = self_ ? x_ : pack(operand(pairs.y), padded_columns(), blocks_.tile, width_, bf16_);
    left_out_ = {pairs.without, nullptr, nullptr, rows_, columns_};
    if (pairs.x_group.defined()) {
      x_group_ = pairs.x_group.contiguous();
      y_group_ = self_ ? x_group_ : pairs.y_group.contiguous();
      left_out_.row_group = x_group_.const_data_ptr<int64_t>();
      left_out_.column_group = y_group_.const_data_ptr<int64_t>();
    }
  }

  LogSums log_sums(bool columns) override {
    if (!finite()) return {nan({rows_}), columns && !self_ ? nan({columns_}) : at::Tensor()};
    State state;
    state.row_shift = first_shift(padded_rows());
    state.row_sum = zeros(padded_rows());
    if (self_) {
      state.column_shift = state.row_shift;
      state.column_sum = state.row_sum;
    } else if (columns) {
      state.column_shift = first_shift(padded_columns());
      state.column_sum = zeros(padded_columns());
    }
    run(PairWork::log_sums, state);
    LogSums sums{log_of(state.row_sum, state.row_shift, rows_), {}};
    if (columns && !self_) sums.columns = log_of(state.column_sum, state.column_shift, columns_);
    return sums;
  }

  Pulls softmax_pulls(const Share& rows, const Share& columns, bool want_y) override {
    if (!finite()) return {nan({rows_, dim_}), want_y ? nan({columns_, dim_}) : at::Tensor()};
    State state;
    std::tie(state.row_shift, state.row_weight) = powers_of(rows, rows_, padded_rows());
    if (self_) {
      state.column_shift = state.row_shift;
      state.column_weight = state.row_weight;
    } else {
      std::tie(state.column_shift, state.column_weight) =
          powers_of(columns, columns_, padded_columns());
    }
    return pulls(PairWork::softmax, state, want_y);
  }

  std::pair<at::Tensor, at::Tensor> attend() override {
    if (self_) return PairTiles::attend();
    if (!finite()) return {nan({rows_}), nan({rows_, dim_})};
    State state;
    state.row_shift = first_shift(padded_rows());
    state.row_sum = zeros(padded_rows());
    const at::Tensor mean = pulls(PairWork::attend, state, false).x;
    const at::Tensor sum = state.row_sum.narrow(0, 0, rows_).unsqueeze(1);
    mean.div_(sum.masked_fill(sum == 0, 1));
    return {log_of(state.row_sum, state.row_shift, rows_), mean};
  }

  Sigmoids sigmoids(double bias, bool want_pulls) override {
    if (!finite()) {
      return {nan({rows_}), nan({rows_}), {nan({rows_, dim_}), nan({columns_, dim_})}};
    }
    State state;
    state.bias = bias;
    state.row_sum = zeros(padded_rows());
    state.weight_sum = zeros(padded_rows());
    Sigmoids result;
    if (want_pulls) {
      result.pulls = pulls(PairWork::sigmoid, state, true);
    } else {
      run(PairWork::sigmoid, state);
    }
    result.losses = state.row_sum.narrow(0, 0, rows_);
    result.weights = state.weight_sum.narrow(0, 0, rows_);
    return result;
  }

 private:
  // One number a padded row or column; pulls have `width_`. Where y is x, columns are rows.
  struct State {
    double bias = 0;
    at::Tensor row_shift, column_shift, row_sum, column_sum, weight_sum, row_weight, column_weight,
        x_pull, y_pull;
  };

  // Kernels do not carry NaN and overflow faithfully; nothing finite could come of them anyway.
  bool finite() const { return limit_ < -kFarBelow; }
  bool shifted() const { return limit_ > kUnshiftedLimit; }

  int64_t padded_rows() const { return padded(rows_); }
  int64_t padded_columns() const { return padded(columns_); }
  int64_t padded(int64_t n) const { return blocks_of(n, blocks_.rows()) * blocks_.rows(); }

  static at::Tensor zeros(at::IntArrayRef sizes) { return at::zeros(sizes, at::kDouble); }
  static at::Tensor nan(at::IntArrayRef sizes) {
    return at::full(sizes, std::numeric_limits<double>::quiet_NaN(), at::kDouble);
  }

  at::Tensor first_shift(int64_t n) const {
    return at::full({n}, shifted() ? kFarBelow : 0, at::kFloat);
  }

  static at::Tensor log_of(const at::Tensor& sum, const at::Tensor& shift, int64_t n) {
    return (sum.log() + shift.to(at::kDouble).mul_(std::numbers::ln2)).narrow(0, 0, n);
  }

  // weight exp(s - log_sum) as 2^(s log2 e - shift) factor: shift and factor.
  std::pair<at::Tensor, at::Tensor> powers_of(const Share& share, int64_t n, int64_t padded) const {
    constexpr double kFarAbove = 1e9;
    at::Tensor shift = at::full({padded}, kFarAbove, at::kFloat);
    at::Tensor factor = at::zeros({padded}, at::kFloat);
    if (share.weights.defined()) {
      const at::Tensor sums = share.log_sums.masked_fill(share.log_sums == -kInfinity, 0);
      const at::Tensor power = sums * std::numbers::log2e;
      const at::Tensor whole = power.ceil();
      shift.narrow(0, 0, n).copy_(whole);
      factor.narrow(0, 0, n).copy_(
          at::exp2(shifted() ? whole - power : -power).mul_(share.weights));
    }
    return {shift, factor};
  }

  Pulls pulls(PairWork work, State& state, bool want_y) {
    state.x_pull = zeros({padded_rows(), width_});
    if (self_) {
      state.y_pull = state.x_pull;
    } else if (want_y) {
      state.y_pull = zeros({padded_columns(), width_});
    }
    run(work, state);
    const auto used = [&](const at::Tensor& pull, int64_t n) {
      return pull.narrow(0, 0, n).narrow(1, 0, dim_);
    };
    return {used(state.x_pull, rows_),
            want_y && !self_ ? used(state.y_pull, columns_) : at::Tensor()};
  }

  void run(PairWork work, const State& state) {
    const Schedule schedule(padded_rows() / blocks_.rows(), padded_columns() / blocks_.rows(),
                            self_);
    const int64_t words_each = scratch_words(blocks_.tile);
    const at::Tensor scratch = at::empty({at::get_num_threads(), words_each}, at::kFloat);
    for (int64_t r = 0; r < schedule.rounds(); ++r) {
      const auto pairs = schedule.round(r);
      const int64_t n = static_cast<int64_t>(pairs.size());
      at::parallel_for(0, n, threads_ == 1 ? n : 1, [&](int64_t begin, int64_t end) {
        float* space = data<float>(scratch, at::get_thread_num() * words_each);
        for (int64_t k = begin; k < end; ++k) {
          run_blocks(work, state, pairs[static_cast<size_t>(k)], space);
        }
      });
    }
  }

  void run_blocks(PairWork work, const State& state, std::pair<int64_t, int64_t> blocks,
                  float* scratch) const {
    const int64_t n = blocks_.tiles;
    for (int64_t a = 0; a < n; ++a) {
      for (int64_t k = 0; k < n; ++k) {
        const int64_t b = a % 2 == 0 ? k : n - 1 - k;
        if (self_ && blocks.first == blocks.second && b < a) continue;
        PairTile tile = tile_at(state, {blocks.first * n + a, blocks.second * n + b});
        tile.scratch = scratch;
        run_pair_tile(work, tile);
      }
    }
  }

  PairTile tile_at(const State& state, std::pair<int64_t, int64_t> at) const {
    const int64_t i = at.first * blocks_.tile, j = at.second * blocks_.tile;
    const int64_t line = bf16_ ? width_ / 2 : width_;
    const bool mirrored = !self_ || i != j;  // columns have results of their own
    return {.tile = blocks_.tile,
            .width = width_,
            .bf16 = bf16_,
            .row = i,
            .column = j,
            .left_out = &left_out_,
            .x_lines = words(x_.lines) + i * line,
            .y_across = words(y_.across) + j * line,
            .x_along = words(x_.along) + i * line,
            .y_along = words(y_.along) + j * line,
            .scale = static_cast<float>(scale_ * std::numbers::log2e),
            .bias = static_cast<float>(state.bias * std::numbers::log2e),
            .shifted = shifted(),
            .row_shift = data<float>(state.row_shift, i),
            .column_shift = data<float>(state.column_shift, j),
            .row_sum = data<double>(state.row_sum, i),
            .column_sum = mirrored ? data<double>(state.column_sum, j) : nullptr,
            .weight_sum = data<double>(state.weight_sum, i),
            .row_weight = data<float>(state.row_weight, i),
            .column_weight = data<float>(state.column_weight, j),
            .x_pull = data<double>(state.x_pull, i * width_),
            .y_pull = mirrored ? data<double>(state.y_pull, j * width_) : nullptr,
            .scratch = nullptr};
  }

  bool self_, bf16_;
  double scale_, limit_ = 0;
  int64_t rows_, columns_, dim_, width_, threads_;
  Blocks blocks_;
  PackedRows x_, y_;
  at::Tensor x_group_, y_group_;
  LeftOut left_out_;
};

}  // namespace

std::unique_ptr<PairTiles> cpu_pair_tiles(PairSet pairs) {
  return std::make_unique<CpuTiles>(std::move(pairs));
}

}  // namespace vistas::contrast
