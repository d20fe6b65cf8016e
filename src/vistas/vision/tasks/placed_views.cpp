#include "vistas/vision/tasks/placed_views.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "vistas/base/error.h"
#include "vistas/vision/methods/fcos.h"
#include "vistas/vision/methods/segmentation.h"

namespace vistas::vision {
namespace {

// One axis of a view: `from` of the picture at `to` of the view, perhaps mirrored there.
struct Axis {
  double from, from_size, to, to_size;
  bool mirrored;

  double there(double x) const {
    const double at = (x - from) * to_size / from_size;
    return to + (mirrored ? to_size - at : at);
  }
  double back(double x) const {
    const double at = x - to;
    return from + (mirrored ? to_size - at : at) * from_size / to_size;
  }
};

Axis across(const ViewTrace& t) {
  return {static_cast<double>(t.box.left), static_cast<double>(t.box.width),
          static_cast<double>(t.shown.left), static_cast<double>(t.shown.width), t.hflip};
}

Axis down(const ViewTrace& t) {
  return {static_cast<double>(t.box.top), static_cast<double>(t.box.height),
          static_cast<double>(t.shown.top), static_cast<double>(t.shown.height), t.vflip};
}

// Through `map` and cut at low .. high.
void map_sides(double& first, double& second, const std::function<double(double)>& map, double low,
               double high) {
  const double a = std::clamp(map(first), low, high), b = std::clamp(map(second), low, high);
  first = std::min(a, b);
  second = std::max(a, b);
}

// What is seen whole must not be lost to the rounding of its area.
constexpr double kExact = 1 - 1e-9;

double area_of(const ObjectBox& box) {
  return (box.right - box.left) * (box.bottom - box.top);
}

// What one thread keeps from sample to sample.
struct Scratch {
  Image storage, mask, resized;
  ViewScratch views;
  ResizeScratch resize;
};

Scratch& scratch() {
  thread_local Scratch own;
  return own;
}

}  // namespace

Point to_view(const ViewTrace& trace, const Point& p) {
  return {across(trace).there(p.x), down(trace).there(p.y)};
}

Point to_picture(const ViewTrace& trace, const Point& p) {
  return {across(trace).back(p.x), down(trace).back(p.y)};
}

ObjectBox to_view(const ViewTrace& trace, const ObjectBox& box) {
  ObjectBox out = box;
  const Axis x = across(trace), y = down(trace);
  map_sides(
      out.left, out.right, [&](double v) { return x.there(v); }, x.to, x.to + x.to_size);
  map_sides(
      out.top, out.bottom, [&](double v) { return y.there(v); }, y.to, y.to + y.to_size);
  return out;
}

ObjectBox to_picture(const ViewTrace& trace, const Extent& picture, const ObjectBox& box) {
  ObjectBox out = box;
  const Axis x = across(trace), y = down(trace);
  map_sides(
      out.left, out.right, [&](double v) { return x.back(v); }, 0, picture.width);
  map_sides(
      out.top, out.bottom, [&](double v) { return y.back(v); }, 0, picture.height);
  return out;
}

void read_class_mask(const MaskedPictures& pictures, int64_t i, const Extent& picture, Image& out) {
  const std::filesystem::path& file = pictures.masks[static_cast<size_t>(i)];
  read_mask(file, out);
  if (out.height() != picture.height || out.width() != picture.width) {
    throw Error(ErrorKind::data,
                {.what = file.string() + ": the mask is of another size than its picture",
                 .got = fmt::format("{} x {}", out.width(), out.height()),
                 .expected = fmt::format("{} x {}", picture.width, picture.height)});
  }
  const auto classes = static_cast<int64_t>(pictures.class_names.size());
  uint8_t* pixels = out.row<uint8_t>(0);
  for (size_t p = 0; p < out.size_bytes(); ++p) {
    if (pixels[p] == pictures.ignore) {
      pixels[p] = kIgnored;
    } else if (pixels[p] >= classes) {
      throw Error(ErrorKind::data,
                  {.what = fmt::format("{}: row {}, column {}", file.string(),
                                       p / static_cast<size_t>(out.width()),
                                       p % static_cast<size_t>(out.width())),
                   .got = fmt::format("index {}", pixels[p]),
                   .expected = fmt::format("a class 0 .. {}, or {} for what does not count",
                                           classes - 1, pictures.ignore)});
    }
  }
}

void mask_in_view(const Image& mask, const ViewTrace& trace, const Extent& size, uint8_t* out) {
  Scratch& own = scratch();
  resized_crop(mask.view(), trace.box, trace.shown.height, trace.shown.width,
               {.interpolation = Interpolation::nearest, .mirror = trace.hflip}, own.resize,
               own.resized);
  std::fill_n(out, static_cast<size_t>(size.height) * static_cast<size_t>(size.width), kIgnored);
  for (int y = 0; y < trace.shown.height; ++y) {
    const int row = trace.vflip ? trace.shown.height - 1 - y : y;
    std::copy_n(own.resized.row<uint8_t>(row), trace.shown.width,
                out + static_cast<size_t>(trace.shown.top + y) * static_cast<size_t>(size.width) +
                    trace.shown.left);
  }
}

namespace {

ViewMaker maker_for(const SampleReader& reader, const ViewRecipe& recipe) {
  Image storage;
  const ImageView first = reader.read(0, {}, storage).view;
  return ViewMaker(recipe, first.channels, first.type);
}

}  // namespace

PlacedViews::PlacedViews(std::shared_ptr<const ImageSource> source, const ViewRecipe& recipe,
                         const std::string& on_bad_image, uint64_t seed)
    : reader_(std::make_shared<SampleReader>(std::move(source), on_bad_image)),
      maker_(std::make_shared<ViewMaker>(maker_for(*reader_, recipe))),
      seed_(seed) {
  reader_->require(maker_->channels(), maker_->type());
}

PlacedView PlacedViews::make(int64_t sample, uint64_t epoch, float* out) const {
  Scratch& own = scratch();
  const DrawKey key{seed_, epoch, static_cast<uint64_t>(sample), 0};
  PlacedView view;
  const auto needed = [&](const PictureInfo& picture) {
    view.picture = {picture.height, picture.width};
    return maker_->needed_box(picture.height, picture.width, key);
  };
  const Sample read = reader_->read(sample, std::ref(needed), own.storage);
  view.index = read.index;
  const PicturePart part(read.view, read.part, view.picture.height, view.picture.width);
  view.trace = maker_->make(part, key, 0, out, own.views);
  return view;
}

at::Tensor PlacedViews::empty_pixels(int64_t rows) const {
  return at::empty({rows, maker_->channels(), extent().height, extent().width},
                   at::TensorOptions(at::kFloat), at::MemoryFormat::ChannelsLast);
}

BoxBatches::BoxBatches(PlacedViews views, std::vector<std::vector<ObjectBox>> boxes,
                       double min_visible)
    : views_(std::move(views)), boxes_(std::move(boxes)), min_visible_(min_visible) {
  for (const auto& of_picture : boxes_) {
    most_ = std::max(most_, static_cast<int64_t>(of_picture.size()));
  }
}

learn::Batch BoxBatches::make(const std::vector<int64_t>& samples, uint64_t epoch) const {
  const auto rows = static_cast<int64_t>(samples.size());
  const at::Tensor pixels = views_.empty_pixels(rows);
  const at::Tensor boxes = at::full({rows, most_, 5}, static_cast<float>(kNoBox), at::kFloat);
  learn::Batch batch;
  batch.index = at::empty({rows}, at::kLong);
  const int64_t size = pixels[0].numel();
  for (int64_t row = 0; row < rows; ++row) {
    const PlacedView view = views_.make(samples[static_cast<size_t>(row)], epoch,
                                        pixels.mutable_data_ptr<float>() + row * size);
    batch.index.mutable_data_ptr<int64_t>()[row] = view.index;
    float* out = boxes.mutable_data_ptr<float>() + row * most_ * 5;
    for (const ObjectBox& box : boxes_[static_cast<size_t>(view.index)]) {
      const ObjectBox seen = to_view(view.trace, box);
      if (area_of(seen) <= 0) continue;
      const double scale = static_cast<double>(view.trace.shown.width) / view.trace.box.width *
                           view.trace.shown.height / view.trace.box.height;
      const bool counts = !box.crowd && !box.difficult &&
                          area_of(seen) >= min_visible_ * kExact * scale * area_of(box);
      *out++ = static_cast<float>(counts ? box.label : kRegion);
      for (const double side : {seen.left, seen.top, seen.right, seen.bottom}) {
        *out++ = static_cast<float>(side);
      }
    }
  }
  batch.views = {{{{"pixels", pixels}, {"boxes", boxes}}}};
  return batch;
}

MaskBatches::MaskBatches(PlacedViews views, MaskedPictures pictures, const std::string& on_bad)
    : views_(std::move(views)), pictures_(std::move(pictures)), skip_(on_bad == "skip") {}

void MaskBatches::write_mask(const PlacedView& view, uint8_t* out) const {
  Image& mask = scratch().mask;
  const Extent size = views_.extent();
  try {
    read_class_mask(pictures_, view.index, view.picture, mask);
    mask_in_view(mask, view.trace, size, out);
  } catch (const Error& error) {
    if (!skip_ || error.kind() != ErrorKind::data) throw;
    std::fill_n(out, static_cast<size_t>(size.height) * static_cast<size_t>(size.width), kIgnored);
    const std::lock_guard lock(mutex_);
    bad_masks_.try_emplace(view.index, error.what());
  }
}

BadImages MaskBatches::bad_images() const {
  BadImages masks;
  const std::lock_guard lock(mutex_);
  masks.count = static_cast<int64_t>(bad_masks_.size());
  for (const auto& [i, text] : bad_masks_) masks.first.push_back(text);
  BadImages all = views_.bad_images();
  all.add(masks);
  return all;
}

learn::Batch MaskBatches::make(const std::vector<int64_t>& samples, uint64_t epoch) const {
  const auto rows = static_cast<int64_t>(samples.size());
  const at::Tensor pixels = views_.empty_pixels(rows);
  const at::Tensor masks =
      at::empty({rows, views_.extent().height, views_.extent().width}, at::kByte);
  learn::Batch batch;
  batch.index = at::empty({rows}, at::kLong);
  const int64_t size = pixels[0].numel(), places = masks[0].numel();
  for (int64_t row = 0; row < rows; ++row) {
    const PlacedView view = views_.make(samples[static_cast<size_t>(row)], epoch,
                                        pixels.mutable_data_ptr<float>() + row * size);
    batch.index.mutable_data_ptr<int64_t>()[row] = view.index;
    write_mask(view, masks.mutable_data_ptr<uint8_t>() + row * places);
  }
  batch.views = {{{{"pixels", pixels}, {"mask", masks}}}};
  return batch;
}

}  // namespace vistas::vision
