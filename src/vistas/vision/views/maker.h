// Makes the views of a sample from its picture, as a recipe says.
#pragma once

#include <memory>
#include <vector>

#include "vistas/base/random.h"
#include "vistas/vision/views/normalise.h"
#include "vistas/vision/views/operation.h"
#include "vistas/vision/views/recipe.h"

namespace vistas::vision {

// A decoded part of a picture. A whole picture converts to it.
struct PicturePart {
  ImageView pixels{};
  int top = 0, left = 0;      // place of `pixels` in the picture
  int height = 0, width = 0;  // size of the picture

  PicturePart(const ImageView& whole)  // NOLINT: implicit on purpose
      : pixels(whole), height(whole.height), width(whole.width) {}
  PicturePart(const ImageView& part, const Box& place, int full_height, int full_width)
      : pixels(part), top(place.top), left(place.left), height(full_height), width(full_width) {}
};

// What the maker of views reuses from one view to the next; one for each thread.
using ViewScratch = ViewState;

// Every random number is a function of (key.seed, key.epoch, key.sample, view number): the pixels
// do not depend on threads, batches or the order of calls. key.view is not used. All functions are
// const and may run at the same time with different scratch memory.
class ViewMaker {
 public:
  // Checks the recipe against pictures with so many channels of that type; usage errors name the
  // operation that cannot be used, and its place in the recipe file.
  ViewMaker(const ViewRecipe& recipe, int channels, PixelType type);

  int view_count() const { return static_cast<int>(view_of_.size()); }
  int channels() const { return channels_; }
  PixelType type() const { return type_; }
  int height(int view) const;
  int width(int view) const;

  // The part of a height x width picture that a view shows, and that all views of the sample
  // together read.
  Box view_box(int height, int width, const DrawKey& key, int view) const;
  Box needed_box(int height, int width, const DrawKey& key) const;

  // Writes one view, 0 <= view < view_count(), as height * width * channels interleaved normalised
  // floats: a row of a channels-last batch [B, C, H, W].
  ViewTrace make(const PicturePart& picture, const DrawKey& key, int view, float* out,
                 ViewScratch& scratch) const;

  // The same view as pixels, before normalisation, in scratch.image.
  ViewTrace make_pixels(const PicturePart& picture, const DrawKey& key, int view,
                        ViewScratch& scratch) const;

 private:
  struct Step {
    double p = 1;
    std::unique_ptr<const Operation> operation{};
  };
  struct View {
    int height = 0, width = 0;
    std::unique_ptr<const Operation> first{};
    const Framing* framing = nullptr;  // first
    bool may_mirror = false;           // the next operation is a flip, done while framing
    double mirror_p = 0;
    std::vector<Step> steps{};
    Normaliser normaliser;
  };
  View compile(const ViewSpec& spec, PixelType type) const;
  const View& view(int number) const { return views_[view_of_[static_cast<size_t>(number)]]; }

  int channels_;
  PixelType type_;
  std::vector<View> views_{};
  std::vector<size_t> view_of_{};  // view number -> index in views_
};

}  // namespace vistas::vision
