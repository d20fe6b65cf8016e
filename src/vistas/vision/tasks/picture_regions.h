// The regions of pictures, and which of them their views show.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "vistas/base/random.h"
#include "vistas/vision/sources/sample_reader.h"
#include "vistas/vision/tasks/placed_views.h"
#include "vistas/vision/views/regions.h"

namespace vistas::vision {

struct PictureRegionOptions {
  std::string from = "none";
  int64_t most = 16;
  RegionOptions found;

  void fields(Fields& f);
};

// Where the cells of a view lie; `out` holds height * width of them.
struct RegionView {
  ViewTrace trace{};
  Extent view{};  // in pixels
  int height = 0, width = 0;
  uint8_t* out = nullptr;
};

// Found once a picture and kept, a byte a cell. Safe for many threads.
class PictureRegions {
 public:
  // `options.from`: "felzenszwalb", or a folder with a mask for every picture, of its name with the
  // ending .png, whose numbers are regions (255: none); a data error names the first that is
  // missing.
  PictureRegions(std::shared_ptr<const ImageSource> source, const PictureRegionOptions& options);

  // Numbers the regions that all views show from 0 in an order drawn from `key`, `most` of them,
  // and writes for every cell of each view which one is at its middle; kNoRegion elsewhere.
  void write(int64_t sample, const Extent& picture, const DrawKey& key,
             std::span<const RegionView> views) const;

  // Of a picture; a hand-made or found one.
  std::shared_ptr<const RegionMap> map(int64_t sample) const;

 private:
  RegionMap read(int64_t sample) const;

  std::shared_ptr<const ImageSource> source_;
  PictureRegionOptions options_;
  mutable std::mutex mutex_;
  mutable std::map<int64_t, std::shared_ptr<const RegionMap>> maps_;
};

}  // namespace vistas::vision
