// The inner loop of exact search on the CPU; used by top_k alone.
#pragma once

#include <cstdint>

namespace vistas::search {

// Queries that stand side by side in a panel, and bank rows that go with them at once; both depend
// on the instruction set.
int64_t panel_queries();
int64_t group_rows();

// Ranks of a group of bank rows for a panel of queries: rank = <query, row> scale_row + shift_row.
struct RankTile {
  int64_t width;
  const float* panel;          // [width, panel_queries()]
  const float* rows;           // group_rows() rows of `width` numbers, `stride` apart
  int64_t stride;              // 0: the same row each time
  const float *scale, *shift;  // of each row, `step` apart
  int64_t step;                // 1, or 0 for the same row
  const float* thresholds;     // of each query
  float* ranks;                // [group_rows(), panel_queries()], written where there are hits
  uint32_t* hits;              // of each row, a bit a query: its rank is not below the threshold
};

// Whether there are hits. NaN is not below anything.
bool rank_tile(const RankTile& tile);

}  // namespace vistas::search
