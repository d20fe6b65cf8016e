#include "vistas/vision/views/maker.h"

#include <fmt/format.h>

#include "vistas/base/error.h"

namespace vistas::vision {
namespace {

std::string place_of(const ViewOp& op) {
  return op.where.empty() ? op.name : op.where + ": " + op.name;
}

Normaliser normaliser_of(const ViewSpec& spec, int channels, PixelType type) {
  const bool rgb = channels == 3;
  const std::vector<double> mean =
      rgb ? std::vector<double>{0.485, 0.456, 0.406} : std::vector<double>{0.5};
  const std::vector<double> std =
      rgb ? std::vector<double>{0.229, 0.224, 0.225} : std::vector<double>{0.25};
  return {spec.mean.empty() ? mean : spec.mean, spec.std.empty() ? std : spec.std, channels, type};
}

DrawKey key_of(const DrawKey& key, int view) {
  return {key.seed, key.epoch, key.sample, static_cast<uint32_t>(view)};
}

Box united(const Box& a, const Box& b) {
  if (a.height == 0) return b;
  const int top = std::min(a.top, b.top), left = std::min(a.left, b.left);
  return {top, left, std::max(a.top + a.height, b.top + b.height) - top,
          std::max(a.left + a.width, b.left + b.width) - left};
}

}  // namespace

ViewMaker::ViewMaker(const ViewRecipe& recipe, int channels, PixelType type)
    : channels_(channels), type_(type) {
  for (const ViewSpec& spec : recipe.views) {
    view_of_.insert(view_of_.end(), static_cast<size_t>(spec.count), views_.size());
    views_.push_back(compile(spec, type));
  }
}

ViewMaker::View ViewMaker::compile(const ViewSpec& spec, PixelType type) const {
  View view{.height = spec.height,
            .width = spec.width,
            .normaliser = normaliser_of(spec, channels_, type)};
  for (const ViewOp& op : spec.ops) {
    std::unique_ptr<Operation> operation = make_operation(op);
    try {
      operation->accept(channels_, type);
    } catch (const Error& error) {
      if (op.where.empty()) throw;
      throw Error(error.kind(), {.what = op.where + ": " + error.what()});
    }
    const auto* framing = dynamic_cast<const Framing*>(operation.get());
    if (framing != nullptr && (view.framing != nullptr || op.p != 1.0)) {
      throw Error(
          ErrorKind::usage,
          {.what = place_of(op) + " must be the first operation of a view, once, with p = 1"});
    }
    if (framing != nullptr) {
      view.framing = framing;
      view.first = std::move(operation);
    } else if (view.framing == nullptr) {
      break;
    } else if (op.name == "hflip" && view.steps.empty() && !view.may_mirror) {
      view.may_mirror = true;
      view.mirror_p = op.p;
    } else {
      view.steps.push_back({op.p, std::move(operation)});
    }
  }
  if (view.framing == nullptr) {
    throw Error(
        ErrorKind::usage,
        {.what = (spec.ops.empty() ? "a view without operations" : place_of(spec.ops[0])),
         .expected =
             "random_resized_crop, resize, center_crop, scale_jitter or letterbox as the first "
             "operation"});
  }
  return view;
}

int ViewMaker::height(int number) const {
  return view(number).height;
}
int ViewMaker::width(int number) const {
  return view(number).width;
}

Box ViewMaker::view_box(int height, int width, const DrawKey& key, int number) const {
  Draws draws(key_of(key, number));
  const View& v = view(number);
  return v.framing->place({height, width}, {v.height, v.width}, draws).from;
}

Box ViewMaker::needed_box(int height, int width, const DrawKey& key) const {
  Box needed;
  for (int v = 0; v < view_count(); ++v) needed = united(needed, view_box(height, width, key, v));
  return needed;
}

ViewTrace ViewMaker::make_pixels(const PicturePart& picture, const DrawKey& key, int number,
                                 ViewScratch& s) const {
  const View& v = view(number);
  const ImageView& pixels = picture.pixels;
  if (pixels.channels != channels_ || pixels.type != type_) {
    throw Error(
        ErrorKind::data,
        {.what = "views of a picture",
         .got = fmt::format("{} channels, {} bytes a value", pixels.channels, size_of(pixels.type)),
         .expected = fmt::format("{} channels, {} bytes a value", channels_, size_of(type_)),
         .fix = "Convert all pictures of a data set to the same kind"});
  }
  s.draws = Draws(key_of(key, number));
  const Extent size{v.height, v.width};
  const Placement placement = v.framing->place({picture.height, picture.width}, size, s.draws);
  s.trace = {.box = placement.from, .shown = placement.to};
  Box box = s.trace.box;
  box.top -= picture.top;
  box.left -= picture.left;
  if (box.top < 0 || box.left < 0 || box.top + box.height > pixels.height ||
      box.left + box.width > pixels.width) {
    throw Error(ErrorKind::data,
                {.what = "the decoded part of a picture does not hold the view's box",
                 .fix = "Decode the box that needed_box() gives"});
  }
  if (v.may_mirror && s.draws.chance(v.mirror_p)) s.trace.flip_horizontally(v.width);
  v.framing->frame(pixels.crop(box), s.trace.shown, size, s.trace.hflip, s);
  for (const Step& step : v.steps) {
    if (s.draws.chance(step.p)) step.operation->apply(s);
  }
  return s.trace;
}

ViewTrace ViewMaker::make(const PicturePart& picture, const DrawKey& key, int number, float* out,
                          ViewScratch& scratch) const {
  const ViewTrace trace = make_pixels(picture, key, number, scratch);
  view(number).normaliser.apply(scratch.image.view(), out);
  return trace;
}

}  // namespace vistas::vision
