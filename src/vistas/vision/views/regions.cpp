#include "vistas/vision/views/regions.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "vistas/vision/views/filters.h"
#include "vistas/vision/views/resize.h"

namespace vistas::vision {

void RegionOptions::fields(Fields& f) {
  f.add("scale", scale, "larger: larger regions", {0, 1e9});
  f.add("sigma", sigma, "of the smoothing before, in cells", {0, 100});
  f.add("min_share", min_share, "regions of fewer cells join a neighbour", {0, 1});
  f.add("side", side, "cells along the long side of a picture", {8, 1024});
}

namespace {

// Sets of cells that have grown together.
class Forest {
 public:
  Forest(size_t cells, double scale) : parent_(cells), size_(cells, 1), limit_(cells, scale) {
    std::iota(parent_.begin(), parent_.end(), 0);
  }

  size_t root(size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  int64_t size(size_t root) const { return size_[root]; }
  // The heaviest edge that may still join the set.
  double limit(size_t root) const { return limit_[root]; }

  void join(size_t a, size_t b, double weight, double scale) {
    if (size_[a] < size_[b]) std::swap(a, b);
    parent_[b] = a;
    size_[a] += size_[b];
    limit_[a] = weight + scale / static_cast<double>(size_[a]);
  }

 private:
  std::vector<size_t> parent_;
  std::vector<int64_t> size_;
  std::vector<double> limit_;
};

struct Edge {
  double weight = 0;
  size_t a = 0, b = 0;
};

std::vector<Edge> edges_of(const Image& image) {
  const int height = image.height(), width = image.width(), channels = image.channels();
  std::vector<Edge> edges;
  edges.reserve(4 * static_cast<size_t>(height) * static_cast<size_t>(width));
  const auto add = [&](int y, int x, int dy, int dx) {
    if (y + dy >= height || x + dx < 0 || x + dx >= width) return;
    const float* p = image.row<float>(y) + x * channels;
    const float* q = image.row<float>(y + dy) + (x + dx) * channels;
    double sum = 0;
    for (int c = 0; c < std::min(channels, 3); ++c) {
      const double d = double{p[c]} - double{q[c]};
      sum += d * d;
    }
    edges.push_back({255 * std::sqrt(sum), static_cast<size_t>(y * width + x),
                     static_cast<size_t>((y + dy) * width + x + dx)});
  };
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      add(y, x, 0, 1);
      add(y, x, 1, 0);
      add(y, x, 1, 1);
      add(y, x, 1, -1);
    }
  }
  std::stable_sort(edges.begin(), edges.end(),
                   [](const Edge& a, const Edge& b) { return a.weight < b.weight; });
  return edges;
}

// As floats of 0 .. 1, small and smooth.
Image prepared(const ImageView& picture, const RegionOptions& options) {
  const double shrink =
      std::min(1.0, static_cast<double>(options.side) / std::max(picture.height, picture.width));
  const auto cells = [&](int n) { return std::max(1, static_cast<int>(std::lround(n * shrink))); };
  Image small, out;
  ResizeScratch scratch;
  resized_crop(picture, {0, 0, picture.height, picture.width}, cells(picture.height),
               cells(picture.width), {}, scratch, small);
  Image real(small.height(), small.width(), small.channels(), PixelType::f32);
  with_pixel_type(small.type(), [&](auto p) {
    using T = decltype(p);
    const auto white = static_cast<float>(white_of(small.type()));
    for (int y = 0; y < small.height(); ++y) {
      std::transform(small.row<T>(y), small.row<T>(y) + small.width() * small.channels(),
                     real.row<float>(y), [&](T v) { return static_cast<float>(v) / white; });
    }
  });
  if (options.sigma <= 0) return real;
  BlurScratch blur;
  gaussian_blur(real.view(), options.sigma, blur, out);
  return out;
}

RegionMap numbered(Forest& forest, int height, int width) {
  const auto cells = static_cast<size_t>(height) * static_cast<size_t>(width);
  std::vector<size_t> roots;
  for (size_t i = 0; i < cells; ++i) {
    if (forest.root(i) == i) roots.push_back(i);
  }
  std::stable_sort(roots.begin(), roots.end(),
                   [&](size_t a, size_t b) { return forest.size(a) > forest.size(b); });
  std::vector<uint8_t> number(cells, kNoRegion);
  for (size_t i = 0; i < std::min<size_t>(roots.size(), kNoRegion); ++i) {
    number[roots[i]] = static_cast<uint8_t>(i);
  }
  RegionMap map{height, width, std::vector<uint8_t>(cells)};
  for (size_t i = 0; i < cells; ++i) map.labels[i] = number[forest.root(i)];
  return map;
}

}  // namespace

RegionMap find_regions(const ImageView& picture, const RegionOptions& options) {
  const Image image = prepared(picture, options);
  const std::vector<Edge> edges = edges_of(image);
  const auto cells = static_cast<size_t>(image.height()) * static_cast<size_t>(image.width());
  Forest forest(cells, options.scale);
  for (const Edge& e : edges) {
    const size_t a = forest.root(e.a), b = forest.root(e.b);
    if (a != b && e.weight <= forest.limit(a) && e.weight <= forest.limit(b)) {
      forest.join(a, b, e.weight, options.scale);
    }
  }
  const double least = options.min_share * static_cast<double>(cells);
  for (const Edge& e : edges) {
    const size_t a = forest.root(e.a), b = forest.root(e.b);
    if (a != b && static_cast<double>(std::min(forest.size(a), forest.size(b))) < least) {
      forest.join(a, b, e.weight, options.scale);
    }
  }
  return numbered(forest, image.height(), image.width());
}

}  // namespace vistas::vision
