// The loops over one tile of pairs on the CPU; used by PairTiles alone.
#pragma once

#include <cstdint>
#include <vector>

namespace vistas::contrast {

// What becomes of the logits s of a tile.
enum class PairWork {
  log_sums,  // row_sum += exp(s), and the same for columns
  softmax,   // weights exp(s) (row_weight + column_weight)
  attend,    // weights exp(s), and row_sum
  sigmoid,   // weights 1 / (1 + exp(-s)), summed in weight_sum; row_sum += log(1 + exp(s))
};

// Pairs (i, j) that do not count: those on a diagonal j - i, those of one group, and padding.
struct LeftOut {
  std::vector<int64_t> diagonals;
  const int64_t *row_group = nullptr, *column_group = nullptr;  // of all rows and columns, or null
  int64_t rows = 0, columns = 0;                                // beyond them is padding
};

// A tile of tile x tile pairs. `width` numbers of a row, padded, in words: a word is a float32 or a
// pair of bfloat16. Pointers are to the first row or column of the tile.
struct PairTile {
  int64_t tile, width;
  bool bf16;
  int64_t row, column;
  const LeftOut* left_out;
  const float *x_lines, *y_across;  // [tile, words]; [tile / panel, words, panel]
  const float *x_along, *y_along;   // [width / panel, tile or tile / 2, panel]
  float scale, bias;                // logit s ln 2 = scale <x, y> + bias, s in powers of two
  // Sums are of 2^(s - shift) with whole shifts that follow the largest s; else shifts are not
  // read.
  bool shifted;
  float *row_shift, *column_shift;
  double *row_sum, *column_sum, *weight_sum;  // column_sum null: not wanted
  const float *row_weight, *column_weight;
  double *x_pull, *y_pull;  // += weights y and += weights^T x; null: not wanted
  float* scratch;           // scratch_words(tile)
};

int64_t scratch_words(int64_t tile);
void run_pair_tile(PairWork work, const PairTile& tile);

// Columns in a panel of packed rows; a tile is a multiple of 32.
int64_t panel_columns();
// Whether products of bfloat16 pairs have an instruction here.
bool has_bf16_products();

}  // namespace vistas::contrast
