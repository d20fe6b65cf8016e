#include "vistas/vision/tasks/region_search.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "vistas/base/error.h"
#include "vistas/vision/encoders/resnet.h"
#include "vistas/vision/tasks/placed_pass.h"

namespace vistas::vision {
namespace {

// The whole picture in the upper left of a square, as the encoder's channels want it.
ViewRecipe whole_view(const ViewRecipe& preprocess, int64_t side) {
  ViewSpec spec = preprocess.views.front();
  spec.height = spec.width = static_cast<int>(side);
  spec.ops = {{"letterbox"}};
  return {{spec}};
}

// Cells of `stride` pixels that show the picture, of a map [C, H, W] of the view.
at::Tensor shown_cells(const at::Tensor& map, const Box& shown, int64_t stride) {
  const auto cells = [&](int n) { return (n + stride - 1) / stride; };
  return map.slice(1, 0, cells(shown.height)).slice(2, 0, cells(shown.width));
}

at::Tensor unit(const at::Tensor& x) {
  return x / x.norm(2, 0, true).clamp_min(1e-12);
}

// How much of each cell along one axis [low, high) covers.
at::Tensor cover(int64_t cells, double stride, double low, double high) {
  at::Tensor out = at::empty({cells}, at::kFloat);
  for (int64_t i = 0; i < cells; ++i) {
    const double from = static_cast<double>(i) * stride;
    out[i] = std::max(0.0, std::min(high, from + stride) - std::max(low, from));
  }
  return out;
}

// The unit vector of the region of a map [C, h, w].
at::Tensor region_vector(const at::Tensor& cells, const PlacedView& view, const Box& region,
                         int64_t stride) {
  const Point low =
      to_view(view.trace, Point{static_cast<double>(region.left), static_cast<double>(region.top)});
  const Point high = to_view(view.trace, Point{static_cast<double>(region.left + region.width),
                                               static_cast<double>(region.top + region.height)});
  const auto step = static_cast<double>(stride);
  const at::Tensor weight = cover(cells.size(1), step, low.y, high.y).unsqueeze(1) *
                            cover(cells.size(2), step, low.x, high.x).unsqueeze(0);
  return unit((cells * weight).sum({1, 2}));
}

RegionHit hit_of(int64_t sample, const PlacedView& view, const at::Tensor& heat, int64_t stride) {
  const at::Tensor rows = heat.contiguous();
  const auto* values = rows.const_data_ptr<float>();
  const int64_t width = rows.size(1);
  const auto best = std::max_element(values, values + rows.numel()) - values;
  const auto step = static_cast<double>(stride);
  const double x = static_cast<double>(best % width) * step;
  const double y = static_cast<double>(best / width) * step;
  const ObjectBox cell = to_picture(view.trace, view.picture, {x, y, x + step, y + step});
  const auto whole = [](double v) { return static_cast<int>(std::lround(v)); };
  return {sample,
          values[best],
          {whole(cell.top), whole(cell.left), whole(cell.bottom) - whole(cell.top),
           whole(cell.right) - whole(cell.left)},
          {rows.size(0), width, {values, values + rows.numel()}}};
}

void check_region(const Box& region, const Extent& picture) {
  if (region.left >= 0 && region.top >= 0 && region.width > 0 && region.height > 0 &&
      region.left + region.width <= picture.width && region.top + region.height <= picture.height) {
    return;
  }
  throw Error(ErrorKind::usage,
              {.what = "the region",
               .got = fmt::format("{},{},{},{} (left, top, width, height)", region.left, region.top,
                                  region.width, region.height),
               .expected = fmt::format("a part of the picture of {} x {} pixels", picture.width,
                                       picture.height)});
}

}  // namespace

RegionHits search_region(const Bundle& bundle, const std::shared_ptr<const ImageSource>& query,
                         const Box& region, const std::shared_ptr<const ImageSource>& bank,
                         int64_t k, int64_t side, const FeatureOptions& options,
                         const FeatureProgress& progress) {
  const auto network = std::dynamic_pointer_cast<ResNet>(bundle.encoder);
  if (!network) {
    throw Error(ErrorKind::usage, {.what = "search by a region",
                                   .got = "an encoder without a map of places",
                                   .expected = "a run with resnet18, resnet34 or resnet50"});
  }
  const int64_t stride = network->stride(3);
  const ViewRecipe view = whole_view(bundle.preprocess, side);
  const auto map = [&](const at::Tensor& pixels) { return network->map(pixels); };
  at::Tensor wanted;
  FeatureOptions strict = options;
  strict.on_bad_image = "fail";
  pass_over(query, view, strict, *network, map,
            [&](int64_t sample, const PlacedView& placed, const at::Tensor& answer) {
              if (sample != 0) return;
              check_region(region, placed.picture);
              wanted = region_vector(shown_cells(answer, placed.trace.shown, stride), placed,
                                     region, stride);
            });
  RegionHits out;
  const auto better = [](const RegionHit& a, const RegionHit& b) {
    return a.score != b.score ? a.score > b.score : a.sample < b.sample;
  };
  out.bad = pass_over(
      bank, view, options, *network, map,
      [&](int64_t sample, const PlacedView& placed, const at::Tensor& answer) {
        const at::Tensor cells = unit(shown_cells(answer, placed.trace.shown, stride));
        const at::Tensor heat = (cells * wanted.view({-1, 1, 1})).sum(0);
        out.hits.push_back(hit_of(sample, placed, heat, stride));
        std::push_heap(out.hits.begin(), out.hits.end(), better);
        if (static_cast<int64_t>(out.hits.size()) <= k) return;
        std::pop_heap(out.hits.begin(), out.hits.end(), better);
        out.hits.pop_back();
      },
      progress);
  std::sort_heap(out.hits.begin(), out.hits.end(), better);
  return out;
}

}  // namespace vistas::vision
