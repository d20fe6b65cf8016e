#include "vistas/vision/tasks/image_batches.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <functional>

#include "vistas/base/clock.h"
#include "vistas/base/error.h"

namespace vistas::vision {
namespace {

// Batches hold pictures of the channels and type of the first that can be read; others are bad
// ones.
ViewMaker maker_for(const SampleReader& reader, const ViewRecipe& views) {
  Image storage;
  const ImageView first = reader.read(0, {}, storage).view;
  return ViewMaker(views, first.channels, first.type);
}

// What one thread keeps from sample to sample.
struct Scratch {
  Image storage;
  ViewScratch views;
};

constexpr int kRegionCell = 4;                 // pixels of a view along a cell
constexpr uint32_t kPartnerStream = 1u << 31;  // of DrawKey::view

}  // namespace

ImageBatches::ImageBatches(std::shared_ptr<const ImageSource> source, const ViewRecipe& views,
                           const std::string& on_bad_image, uint64_t seed, SampleViews sample_views)
    : reader_(std::move(source), on_bad_image), maker_(maker_for(reader_, views)), seed_(seed) {
  reader_.require(maker_.channels(), maker_.type());
  if (sample_views == SampleViews::picture) return;
  require_labels(reader_.source(), "pairs of pictures of a class");
  class_members_.resize(reader_.source().class_names().size());
  for (int64_t i = 0; i < size(); ++i) {
    const int64_t label = reader_.source().label(i);
    if (label >= 0) class_members_[static_cast<size_t>(label)].push_back(i);
  }
}

void ImageBatches::add_regions(std::shared_ptr<const PictureRegions> regions) {
  if (!class_members_.empty()) {
    throw Error(ErrorKind::usage, {.what = "regions with data.views_of = \"class\"",
                                   .expected = "views of one picture"});
  }
  regions_ = std::move(regions);
}

// Another picture of the sample's class, each as likely; the sample itself where there is none.
int64_t ImageBatches::partner(int64_t sample, const DrawKey& key) const {
  const int64_t label = reader_.source().label(sample);
  if (label < 0) return sample;
  const auto& members = class_members_[static_cast<size_t>(label)];
  if (members.size() < 2) return sample;
  Draws draws({key.seed, key.epoch, key.sample, kPartnerStream});
  const int64_t other =
      members[static_cast<size_t>(draws.below(static_cast<int64_t>(members.size()) - 1))];
  return other < sample ? other : *std::upper_bound(members.begin(), members.end(), other);
}

Sample ImageBatches::read(int64_t sample, const ChooseBox& needed, Image& storage) const {
  const auto start = Clock::now();
  const Sample result = reader_.read(sample, needed, storage);
  reading_ += std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count();
  return result;
}

learn::Batch ImageBatches::make(const std::vector<int64_t>& samples, uint64_t epoch) const {
  thread_local Scratch scratch;
  const auto rows = static_cast<int64_t>(samples.size());
  const int64_t channels = maker_.channels();
  learn::Batch batch;
  std::vector<float*> out;
  std::vector<uint8_t*> region_out;
  std::vector<RegionView> region_views(static_cast<size_t>(maker_.view_count()));
  for (int v = 0; v < maker_.view_count(); ++v) {
    const at::Tensor pixels =
        at::empty({rows, channels, maker_.height(v), maker_.width(v)},
                  at::TensorOptions(at::kFloat), at::MemoryFormat::ChannelsLast);
    out.push_back(pixels.mutable_data_ptr<float>());
    batch.views.push_back({{{"pixels", pixels}}});
    if (!regions_) continue;
    const at::Tensor regions =
        at::empty({rows, maker_.height(v) / kRegionCell, maker_.width(v) / kRegionCell}, at::kByte);
    region_out.push_back(regions.mutable_data_ptr<uint8_t>());
    batch.views.back().tensors.emplace_back("regions", regions);
  }
  batch.index = at::empty({rows}, at::kLong);
  batch.label = at::empty({rows}, at::kLong);
  auto* index = batch.index.mutable_data_ptr<int64_t>();
  auto* label = batch.label.mutable_data_ptr<int64_t>();
  for (int64_t row = 0; row < rows; ++row) {
    const DrawKey key{seed_, epoch, static_cast<uint64_t>(samples[static_cast<size_t>(row)]), 0};
    PictureInfo info;
    const auto needed = [&](const PictureInfo& picture) {
      info = picture;
      return maker_.needed_box(picture.height, picture.width, key);
    };
    const auto make = [&](const Sample& sample, int first, int end) {
      const PicturePart part(sample.view, sample.part, info.height, info.width);
      for (int v = first; v < end; ++v) {
        const int64_t size = channels * maker_.height(v) * maker_.width(v);
        const auto slot = static_cast<size_t>(v);
        const ViewTrace trace = maker_.make(part, key, v, out[slot] + row * size, scratch.views);
        if (!regions_) continue;
        const int high = maker_.height(v) / kRegionCell, wide = maker_.width(v) / kRegionCell;
        region_views[slot] = {trace,
                              {maker_.height(v), maker_.width(v)},
                              high,
                              wide,
                              region_out[slot] + row * high * wide};
      }
    };
    const Sample sample =
        read(samples[static_cast<size_t>(row)], std::ref(needed), scratch.storage);
    index[row] = sample.index;
    label[row] = reader_.source().label(sample.index);
    make(sample, 0, class_members_.empty() ? maker_.view_count() : 1);
    if (regions_) {
      regions_->write(sample.index, {info.height, info.width}, key, region_views);
    }
    if (class_members_.empty()) continue;
    Sample other = read(partner(sample.index, key), std::ref(needed), scratch.storage);
    // What took the place of a bad picture may be of another class.
    if (reader_.source().label(other.index) != label[row]) {
      other = read(sample.index, std::ref(needed), scratch.storage);
    }
    make(other, 1, maker_.view_count());
  }
  if (!class_members_.empty()) {
    batch.group = at::where(batch.label.ge(0), batch.label, -1 - batch.index);
  }
  if (!reader_.source().labelled()) batch.label = at::Tensor();
  return batch;
}

}  // namespace vistas::vision
