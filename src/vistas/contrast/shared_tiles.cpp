#include "vistas/contrast/shared_tiles.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace vistas::contrast {
namespace {

using search::Chunk;
using search::chunk_of;
using search::Partners;

class SharedTiles : public PairTiles {
 public:
  SharedTiles(const PairSet& pairs, const Partners& partners,
              std::unique_ptr<PairTiles> (*make)(PairSet))
      : partners_(partners),
        self_(!pairs.y.defined()),
        rows_(pairs.x.size(0)),
        columns_(self_ ? rows_ : pairs.y.size(0)),
        dim_(pairs.x.size(1)),
        wide_(pairs.x.options().dtype(at::kDouble)) {
    const int64_t part = partners.part(), parts = partners.parts();
    std::vector<PairBlock> blocks =
        self_ ? blocks_among_themselves(rows_, part, parts)
              : std::vector<PairBlock>{block_of_rows(rows_, columns_, part, parts)};
    for (const PairBlock& b : blocks) {
      if (b.x_rows > 0 && b.y_rows > 0) pieces_.push_back({b, make(pairs_of(pairs, b))});
    }
  }

  LogSums log_sums(bool columns) override {
    columns = columns && !self_;
    const int64_t more = columns ? columns_ : 0;
    const at::Tensor all =
        at::full({rows_ + more}, -std::numeric_limits<double>::infinity(), wide_);
    const auto add = [&](int64_t begin, const at::Tensor& sums) {
      at::Tensor part = all.narrow(0, begin, sums.size(0));
      part.copy_(at::logaddexp(part, sums));
    };
    for (const Piece& piece : pieces_) {
      const LogSums sums = piece.tiles->log_sums(columns || is_between(piece));
      add(piece.block.x, sums.rows);
      if (sums.columns.defined()) add((self_ ? 0 : rows_) + piece.block.y, sums.columns);
    }
    const at::Tensor whole = partners_.gather(all).logsumexp(0);
    return {whole.narrow(0, 0, rows_), columns ? whole.narrow(0, rows_, more) : at::Tensor()};
  }

  Pulls softmax_pulls(const Share& rows, const Share& columns, bool want_y) override {
    Pulls pulls = zero_pulls(want_y);
    for (const Piece& piece : pieces_) {
      const PairBlock& b = piece.block;
      add(piece, pulls,
          piece.tiles->softmax_pulls(part(rows, b.x, b.x_rows),
                                     part(self_ ? rows : columns, b.y, b.y_rows),
                                     want_y || is_between(piece)));
    }
    return summed(pulls);
  }

  std::pair<at::Tensor, at::Tensor> attend() override {
    if (self_) return PairTiles::attend();
    at::Tensor sums = at::zeros({rows_}, wide_), means = at::zeros({rows_, dim_}, wide_);
    for (const Piece& piece : pieces_) {
      const auto [own_sums, own_means] = piece.tiles->attend();
      sums.narrow(0, piece.block.x, piece.block.x_rows).copy_(own_sums);
      means.narrow(0, piece.block.x, piece.block.x_rows).copy_(own_means);
    }
    partners_.sum_(sums);
    partners_.sum_(means);
    return {sums, means};
  }

  Sigmoids sigmoids(double bias, bool want_pulls) override {
    Sigmoids result{at::zeros({rows_}, wide_), at::zeros({rows_}, wide_), {}};
    if (want_pulls) result.pulls = zero_pulls(true);
    for (const Piece& piece : pieces_) {
      const Sigmoids own = piece.tiles->sigmoids(bias, want_pulls);
      result.losses.narrow(0, piece.block.x, piece.block.x_rows).copy_(own.losses);
      result.weights.narrow(0, piece.block.x, piece.block.x_rows).copy_(own.weights);
      if (want_pulls) add(piece, result.pulls, own.pulls);
    }
    partners_.sum_(result.losses);
    partners_.sum_(result.weights);
    if (want_pulls) result.pulls = summed(result.pulls);
    return result;
  }

 private:
  struct Piece {
    PairBlock block;
    std::unique_ptr<PairTiles> tiles;
  };

  // Whether its columns are rows of the set too, which it does not have as rows.
  bool is_between(const Piece& piece) const { return self_ && !piece.block.self; }

  // The pairs of a block as a set of their own, with its diagonals and groups.
  PairSet pairs_of(const PairSet& all, const PairBlock& b) const {
    PairSet own{.x = all.x.narrow(0, b.x, b.x_rows), .scale = all.scale, .bf16 = all.bf16};
    if (all.x_group.defined()) own.x_group = all.x_group.narrow(0, b.x, b.x_rows);
    if (b.self) {
      own.without = all.without;
      return own;
    }
    own.y = (self_ ? all.x : all.y).narrow(0, b.y, b.y_rows);
    if (all.x_group.defined()) {
      own.y_group = (self_ ? all.x_group : all.y_group).narrow(0, b.y, b.y_rows);
    }
    for (const int64_t diagonal : all.without) {
      own.without.push_back(diagonal + b.x - b.y);
      if (self_) own.without.push_back(-diagonal + b.x - b.y);
    }
    return own;
  }

  static Share part(const Share& share, int64_t begin, int64_t rows) {
    if (!share.weights.defined()) return {};
    return {share.log_sums.narrow(0, begin, rows), share.weights.narrow(0, begin, rows)};
  }

  Pulls zero_pulls(bool want_y) const {
    return {at::zeros({rows_, dim_}, wide_),
            want_y && !self_ ? at::zeros({columns_, dim_}, wide_) : at::Tensor()};
  }

  void add(const Piece& piece, const Pulls& pulls, const Pulls& own) const {
    pulls.x.narrow(0, piece.block.x, piece.block.x_rows).add_(own.x);
    if (!own.y.defined()) return;
    (self_ ? pulls.x : pulls.y).narrow(0, piece.block.y, piece.block.y_rows).add_(own.y);
  }

  Pulls summed(Pulls pulls) const {
    partners_.sum_(pulls.x);
    if (pulls.y.defined()) partners_.sum_(pulls.y);
    return pulls;
  }

  const Partners& partners_;
  bool self_;
  int64_t rows_, columns_, dim_;
  at::TensorOptions wide_;
  std::vector<Piece> pieces_;
};

}  // namespace

// As players of a tournament: everyone's own rows, then the rows of those that follow; where the
// number is even, the one opposite is shared with it.
std::vector<PairBlock> blocks_among_themselves(int64_t rows, int64_t part, int64_t parts) {
  const auto [begin, size] = chunk_of(rows, part, parts);
  std::vector<PairBlock> blocks{{begin, size, begin, size, true}};
  for (int64_t next = 1; next <= (parts - 1) / 2; ++next) {
    const Chunk other = chunk_of(rows, (part + next) % parts, parts);
    blocks.push_back({begin, size, other.begin, other.rows});
  }
  if (parts % 2 == 0) {
    const int64_t half = parts / 2, low = part % half;
    const Chunk first = chunk_of(rows, low, parts), second = chunk_of(rows, low + half, parts);
    const Chunk own = chunk_of(first.rows, part / half, 2);
    blocks.push_back({first.begin + own.begin, own.rows, second.begin, second.rows});
  }
  return blocks;
}

PairBlock block_of_rows(int64_t rows, int64_t columns, int64_t part, int64_t parts) {
  const Chunk own = chunk_of(rows, part, parts);
  return {own.begin, own.rows, 0, columns};
}

std::unique_ptr<PairTiles> shared_tiles(const PairSet& pairs, const Partners& partners,
                                        std::unique_ptr<PairTiles> (*make)(PairSet)) {
  return std::make_unique<SharedTiles>(pairs, partners, make);
}

}  // namespace vistas::contrast
