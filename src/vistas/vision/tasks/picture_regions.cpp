#include "vistas/vision/tasks/picture_regions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>

#include "vistas/base/error.h"
#include "vistas/vision/sources/annotations.h"

namespace fs = std::filesystem;

namespace vistas::vision {
namespace {

constexpr uint32_t kRegionStream = (1u << 31) + 1;  // of DrawKey::view

fs::path mask_of(const std::string& folder, const std::string& name) {
  return fs::path(folder) / fs::path(name).replace_extension(".png");
}

// A mask with a long side of `side` cells, by nearest neighbours.
RegionMap shrunk(const Image& mask, int64_t side) {
  const double shrink =
      std::min(1.0, static_cast<double>(side) / std::max(mask.height(), mask.width()));
  const auto cells = [&](int n) { return std::max(1, static_cast<int>(std::lround(n * shrink))); };
  RegionMap map{cells(mask.height()), cells(mask.width()), {}};
  for (int y = 0; y < map.height; ++y) {
    const uint8_t* row = mask.row<uint8_t>((2 * y + 1) * mask.height() / (2 * map.height));
    for (int x = 0; x < map.width; ++x) {
      map.labels.push_back(row[(2 * x + 1) * mask.width() / (2 * map.width)]);
    }
  }
  return map;
}

using Numbers = std::array<uint8_t, 256>;

// The region at the middle of every cell of a view.
void look_up(const RegionMap& map, const Extent& picture, const RegionView& v) {
  const Box& shown = v.trace.shown;
  for (int y = 0; y < v.height; ++y) {
    for (int x = 0; x < v.width; ++x) {
      const Point at{(x + 0.5) * v.view.width / v.width, (y + 0.5) * v.view.height / v.height};
      uint8_t& cell = v.out[y * v.width + x];
      cell = kNoRegion;
      if (at.x < shown.left || at.x >= shown.left + shown.width || at.y < shown.top ||
          at.y >= shown.top + shown.height) {
        continue;
      }
      const Point from = to_picture(v.trace, at);
      const auto place = [](double p, int pixels, int cells) {
        return std::clamp(static_cast<int>(p * cells / pixels), 0, cells - 1);
      };
      cell = map.labels[static_cast<size_t>(place(from.y, picture.height, map.height)) *
                            static_cast<size_t>(map.width) +
                        static_cast<size_t>(place(from.x, picture.width, map.width))];
    }
  }
}

// New numbers for the regions that all views show; kNoRegion for the others.
Numbers chosen(std::span<const RegionView> views, int64_t most, const DrawKey& key) {
  std::array<size_t, 256> seen{};
  for (const RegionView& v : views) {
    std::array<bool, 256> here{};
    std::for_each_n(v.out, v.height * v.width, [&](uint8_t label) { here[label] = true; });
    for (size_t i = 0; i < kNoRegion; ++i) seen[i] += here[i];
  }
  std::vector<size_t> shown;
  for (size_t i = 0; i < kNoRegion; ++i) {
    if (seen[i] == views.size()) shown.push_back(i);
  }
  Numbers numbers;
  numbers.fill(kNoRegion);
  Draws draws({key.seed, key.epoch, key.sample, kRegionStream});
  const auto order = draws.permutation(static_cast<int64_t>(shown.size()));
  for (size_t i = 0; i < std::min(shown.size(), static_cast<size_t>(most)); ++i) {
    numbers[shown[static_cast<size_t>(order[i])]] = static_cast<uint8_t>(i);
  }
  return numbers;
}

}  // namespace

void PictureRegionOptions::fields(Fields& f) {
  f.add("from", from,
        "detcon: none; felzenszwalb: found by colour; or a folder with a mask for every picture, "
        "NAME.png");
  f.group("found", found);
}

PictureRegions::PictureRegions(std::shared_ptr<const ImageSource> source,
                               const PictureRegionOptions& options)
    : source_(std::move(source)), options_(options) {
  if (options_.from == "felzenszwalb") return;
  for (int64_t i = 0; i < source_->size(); ++i) {
    const fs::path file = mask_of(options_.from, source_->name(i));
    if (fs::exists(file)) continue;
    throw Error(ErrorKind::data, {.what = source_->name(i) + ": no mask",
                                  .expected = file.string(),
                                  .fix = "Give a mask for every picture, or use "
                                         "--set regions.from=felzenszwalb"});
  }
}

RegionMap PictureRegions::read(int64_t sample) const {
  Image storage;
  if (options_.from != "felzenszwalb") {
    read_mask(mask_of(options_.from, source_->name(sample)), storage);
    return shrunk(storage, options_.found.side);
  }
  Box part;
  return find_regions(source_->read(sample, nullptr, storage, part), options_.found);
}

std::shared_ptr<const RegionMap> PictureRegions::map(int64_t sample) const {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = maps_.find(sample); found != maps_.end()) return found->second;
  }
  auto made = std::make_shared<const RegionMap>(read(sample));
  const std::lock_guard lock(mutex_);
  return maps_.emplace(sample, std::move(made)).first->second;
}

void PictureRegions::write(int64_t sample, const Extent& picture, const DrawKey& key,
                           std::span<const RegionView> views) const {
  const auto regions = map(sample);
  for (const RegionView& v : views) look_up(*regions, picture, v);
  const Numbers numbers = chosen(views, options_.most, key);
  for (const RegionView& v : views) {
    std::transform(v.out, v.out + v.height * v.width, v.out,
                   [&](uint8_t label) { return numbers[label]; });
  }
}

}  // namespace vistas::vision
