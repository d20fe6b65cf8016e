// Over-segmentation: a picture in pieces of even colour.
#pragma once

#include <cstdint>
#include <vector>

#include "vistas/base/options.h"
#include "vistas/vision/sources/image.h"

namespace vistas::vision {

struct RegionOptions {
  double scale = 500;
  double sigma = 0.8;
  double min_share = 0.005;
  int64_t side = 96;

  void fields(Fields& f);
};

// Which region every cell of a picture is in, row by row. Regions are numbered from the largest, 0;
// kNoRegion: none of the first 255.
struct RegionMap {
  int height = 0, width = 0;
  std::vector<uint8_t> labels{};
};
inline constexpr uint8_t kNoRegion = 255;

// Felzenszwalb and Huttenlocher, "Efficient graph-based image segmentation", IJCV 2004, on a grid
// of eight neighbours. The picture is brought to a long side of `side` cells and smoothed with
// `sigma`. Edges join neighbours, their weight is the Euclidean distance of their colours (0 ..
// 255); in ascending order an edge joins two regions if it weighs no more than either's heaviest
// edge so far plus scale / its cells. Then regions of less than min_share of the cells join a
// neighbour. 8-bit, 16-bit and float pictures of 1 to 4 channels, the first three of which count.
RegionMap find_regions(const ImageView& picture, const RegionOptions& options);

}  // namespace vistas::vision
