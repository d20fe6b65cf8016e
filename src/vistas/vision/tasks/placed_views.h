// Views that remember where they came from, for labels that have a place in the picture.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "vistas/learn/loader.h"
#include "vistas/vision/sources/annotations.h"
#include "vistas/vision/sources/sample_reader.h"
#include "vistas/vision/views/maker.h"

namespace vistas::vision {

struct PlacedView {
  int64_t index = 0;  // differs from the sample asked for if that one is bad
  Extent picture{};
  ViewTrace trace{};
};

// Where a point of the picture is seen in a view, and back.
Point to_view(const ViewTrace& trace, const Point& in_picture);
Point to_picture(const ViewTrace& trace, const Point& in_view);

// A box of the picture as the view shows it, cut at the border of what is shown.
ObjectBox to_view(const ViewTrace& trace, const ObjectBox& box);
// The other way, cut at the border of the picture.
ObjectBox to_picture(const ViewTrace& trace, const Extent& picture, const ObjectBox& box);

// Pixels of masks that do not count, in memory; in files it is MaskedPictures::ignore.
inline constexpr uint8_t kIgnored = 255;

// The mask of picture `i`, of the size `picture`, with kIgnored for what does not count. Another
// size, or an index that is no class, is a data error.
void read_class_mask(const MaskedPictures& pictures, int64_t i, const Extent& picture, Image& out);

// A mask of the picture as the view of `size` shows it, by nearest neighbours; kIgnored where the
// view shows none of the picture.
void mask_in_view(const Image& mask, const ViewTrace& trace, const Extent& size, uint8_t* out);

// One view of a picture at a time; a function of (seed, epoch, sample). Safe for many threads.
class PlacedViews {
 public:
  PlacedViews(std::shared_ptr<const ImageSource> source, const ViewRecipe& recipe,
              const std::string& on_bad_image, uint64_t seed);

  // Writes the view as ViewMaker::make does.
  PlacedView make(int64_t sample, uint64_t epoch, float* out) const;

  int64_t size() const { return reader_->source().size(); }
  Extent extent() const { return {maker_->height(0), maker_->width(0)}; }
  BadImages bad_images() const { return reader_->bad_images(); }
  BadImages bad_images_among(const std::vector<int64_t>& samples) const {
    return reader_->bad_images_among(samples);
  }
  // "pixels" of a batch, before any view is made.
  at::Tensor empty_pixels(int64_t rows) const;

 private:
  std::shared_ptr<SampleReader> reader_;
  std::shared_ptr<const ViewMaker> maker_;
  uint64_t seed_;
};

// Batches of one view each, with the boxes that can be seen in it: Inputs "boxes" [B, M, 5] float32
// as vision/methods/fcos.h has them, M the most boxes of a picture. A box of which less than
// `min_visible` is seen is a region where nothing is learned; so are crowds and difficult ones.
class BoxBatches : public learn::BatchMaker {
 public:
  BoxBatches(PlacedViews views, std::vector<std::vector<ObjectBox>> boxes, double min_visible);

  int64_t size() const override { return views_.size(); }
  learn::Batch make(const std::vector<int64_t>& samples, uint64_t epoch) const override;
  BadImages bad_images() const { return views_.bad_images(); }

 private:
  PlacedViews views_;
  std::vector<std::vector<ObjectBox>> boxes_;
  double min_visible_;
  int64_t most_ = 1;
};

// Batches of one view each, with its mask: Inputs "mask" [B, H, W] uint8, kIgnored where nothing is
// learned; everywhere for a mask that cannot be read, if `on_bad` is "skip"; "fail" throws.
class MaskBatches : public learn::BatchMaker {
 public:
  MaskBatches(PlacedViews views, MaskedPictures pictures, const std::string& on_bad);

  int64_t size() const override { return views_.size(); }
  learn::Batch make(const std::vector<int64_t>& samples, uint64_t epoch) const override;
  // Bad masks are among them.
  BadImages bad_images() const;

 private:
  void write_mask(const PlacedView& view, uint8_t* out) const;

  PlacedViews views_;
  MaskedPictures pictures_;
  bool skip_;
  mutable std::mutex mutex_;
  mutable std::map<int64_t, std::string> bad_masks_;  // by picture
};

}  // namespace vistas::vision
