// Search by a part of a picture: which pictures show something like it, and where.
#pragma once

#include <memory>
#include <vector>

#include "vistas/vision/tasks/bundle.h"
#include "vistas/vision/tasks/features.h"
#include "vistas/vision/tasks/placed_views.h"

namespace vistas::vision {

// How like the region every place of a picture is: cosines, row by row.
struct HeatMap {
  int64_t height = 0, width = 0;
  std::vector<float> values{};
};

struct RegionHit {
  int64_t sample = 0;
  double score = 0;  // the largest cosine
  Box best{};        // of the picture: the cell that has it
  HeatMap heat{};    // cells of equal size over the whole picture
};

struct RegionHits {
  std::vector<RegionHit> hits;  // the k best pictures; equal ones in their order
  BadImages bad;                // left out
};

// The region's features are the mean of those of the cells it covers, weighted with how much of
// each it covers; features are the last map of a ResNet for the whole picture, its long side
// `side` pixels. A usage error for another encoder, and for a region outside its picture.
RegionHits search_region(const Bundle& bundle, const std::shared_ptr<const ImageSource>& query,
                         const Box& region, const std::shared_ptr<const ImageSource>& bank,
                         int64_t k, int64_t side, const FeatureOptions& options,
                         const FeatureProgress& progress = {});

}  // namespace vistas::vision
