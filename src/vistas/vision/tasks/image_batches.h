// From pictures to batches of views.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "vistas/learn/loader.h"
#include "vistas/vision/sources/sample_reader.h"
#include "vistas/vision/sources/source.h"
#include "vistas/vision/tasks/picture_regions.h"
#include "vistas/vision/views/maker.h"

namespace vistas::vision {

// What the views of a sample show: its picture, or the first its picture and the others one other
// picture of its class, drawn anew each epoch. Pictures of a class are then one thing, and
// Batch::group is the class; a picture alone in its class, or without one, is a thing by itself.
enum class SampleViews { picture, pair_of_class };

// Every view of a picture is made from one decoding of it; of a JPEG only what the views
// need is decoded. Views are a function of (seed, epoch, sample, view): the same for any number of
// threads and any batch. A bad picture is replaced or refused as SampleReader says; `index` then
// holds the sample that took its place.
class ImageBatches : public learn::BatchMaker {
 public:
  ImageBatches(std::shared_ptr<const ImageSource> source, const ViewRecipe& views,
               const std::string& on_bad_image, uint64_t seed,
               SampleViews sample_views = SampleViews::picture);

  // From now on every view also has "regions" [B, H / 4, W / 4] uint8, as PictureRegions::write
  // gives them. A usage error where the views of a sample show two pictures.
  void add_regions(std::shared_ptr<const PictureRegions> regions);

  int64_t size() const override { return reader_.source().size(); }

  // views[v]: "pixels" [B, C, H, W] float32, channels last in memory, normalised.
  learn::Batch make(const std::vector<int64_t>& samples, uint64_t epoch) const override;

  double reading_seconds() const override { return 1e-9 * static_cast<double>(reading_.load()); }

  BadImages bad_images() const { return reader_.bad_images(); }
  BadImages bad_images_among(const std::vector<int64_t>& samples) const {
    return reader_.bad_images_among(samples);
  }

 private:
  int64_t partner(int64_t sample, const DrawKey& key) const;
  Sample read(int64_t sample, const ChooseBox& needed, Image& storage) const;

  SampleReader reader_;
  ViewMaker maker_;
  uint64_t seed_;
  mutable std::atomic<int64_t> reading_{0};  // nanoseconds
  std::shared_ptr<const PictureRegions> regions_;
  std::vector<std::vector<int64_t>> class_members_;  // for pairs
};

}  // namespace vistas::vision
