// The work of all pairs, shared by partners that hold the same rows.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "vistas/contrast/pair_tiles.h"
#include "vistas/search/partners.h"

namespace vistas::contrast {

// Pairs of rows [x, x + x_rows) and [y, y + y_rows), or of the rows x among themselves.
struct PairBlock {
  int64_t x = 0, x_rows = 0, y = 0, y_rows = 0;
  bool self = false;
};

// What `part` of `parts` takes of `rows` rows among themselves, each pair once in all; or of
// `rows` against `columns`.
std::vector<PairBlock> blocks_among_themselves(int64_t rows, int64_t part, int64_t parts);
PairBlock block_of_rows(int64_t rows, int64_t columns, int64_t part, int64_t parts);

// Tiles of the blocks that `make` makes.
std::unique_ptr<PairTiles> shared_tiles(const PairSet& pairs, const search::Partners& partners,
                                        std::unique_ptr<PairTiles> (*make)(PairSet));

}  // namespace vistas::contrast
