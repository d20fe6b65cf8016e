#include "vistas/vision/tasks/image_batches.h"

#include <ATen/ATen.h>

#include <functional>

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

}  // namespace

ImageBatches::ImageBatches(std::shared_ptr<const ImageSource> source, const ViewRecipe& views,
                           const std::string& on_bad_image, uint64_t seed)
    : reader_(std::move(source), on_bad_image), maker_(maker_for(reader_, views)), seed_(seed) {
  reader_.require(maker_.channels(), maker_.type());
}

learn::Batch ImageBatches::make(const std::vector<int64_t>& samples, uint64_t epoch) const {
  thread_local Scratch scratch;
  const auto rows = static_cast<int64_t>(samples.size());
  const int64_t channels = maker_.channels();
  learn::Batch batch;
  std::vector<float*> out;
  for (int v = 0; v < maker_.view_count(); ++v) {
    const at::Tensor pixels =
        at::empty({rows, channels, maker_.height(v), maker_.width(v)},
                  at::TensorOptions(at::kFloat), at::MemoryFormat::ChannelsLast);
    out.push_back(pixels.mutable_data_ptr<float>());
    batch.views.push_back({{{"pixels", pixels}}});
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
    const Sample sample =
        reader_.read(samples[static_cast<size_t>(row)], std::ref(needed), scratch.storage);
    const PicturePart part(sample.view, sample.part, info.height, info.width);
    for (int v = 0; v < maker_.view_count(); ++v) {
      const int64_t size = channels * maker_.height(v) * maker_.width(v);
      maker_.make(part, key, v, out[static_cast<size_t>(v)] + row * size, scratch.views);
    }
    index[row] = sample.index;
    label[row] = reader_.source().label(sample.index);
  }
  if (!reader_.source().labelled()) batch.label = at::Tensor();
  return batch;
}

}  // namespace vistas::vision
