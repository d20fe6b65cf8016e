// From pictures to batches of views.
#pragma once

#include <memory>
#include <vector>

#include "vistas/learn/loader.h"
#include "vistas/vision/sources/sample_reader.h"
#include "vistas/vision/sources/source.h"
#include "vistas/vision/views/maker.h"

namespace vistas::vision {

// Every view of a sample is made from one decoding of its picture; of a JPEG only what the views
// need is decoded. Views are a function of (seed, epoch, sample, view): the same for any number of
// threads and any batch. A bad picture is replaced or refused as SampleReader says; `index` then
// holds the sample that took its place.
class ImageBatches : public learn::BatchMaker {
 public:
  ImageBatches(std::shared_ptr<const ImageSource> source, const ViewRecipe& views,
               const std::string& on_bad_image, uint64_t seed);

  int64_t size() const override { return reader_.source().size(); }

  // views[v]: "pixels" [B, C, H, W] float32, channels last in memory, normalised.
  learn::Batch make(const std::vector<int64_t>& samples, uint64_t epoch) const override;

  BadImages bad_images() const { return reader_.bad_images(); }

 private:
  SampleReader reader_;
  ViewMaker maker_;
  uint64_t seed_;
};

}  // namespace vistas::vision
