#include "vistas/vision/tasks/placed_pass.h"

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <algorithm>

#include "vistas/base/threads.h"
#include "vistas/learn/loader.h"
#include "vistas/learn/precision.h"

namespace vistas::vision {
namespace {

// Batches of the view without chance, with the place of each: Inputs "place" [B, 10] int64.
class PreprocessedBatches : public learn::BatchMaker {
 public:
  explicit PreprocessedBatches(PlacedViews views) : views_(std::move(views)) {}

  int64_t size() const override { return views_.size(); }

  learn::Batch make(const std::vector<int64_t>& samples, uint64_t epoch) const override {
    const auto rows = static_cast<int64_t>(samples.size());
    const at::Tensor pixels = views_.empty_pixels(rows);
    const at::Tensor place = at::empty({rows, 10}, at::kLong);
    learn::Batch batch;
    batch.index = at::empty({rows}, at::kLong);
    for (int64_t row = 0; row < rows; ++row) {
      const PlacedView v = views_.make(samples[static_cast<size_t>(row)], epoch,
                                       pixels.mutable_data_ptr<float>() + row * pixels[0].numel());
      batch.index.mutable_data_ptr<int64_t>()[row] = v.index;
      const Box &box = v.trace.box, &shown = v.trace.shown;
      const std::initializer_list<int> numbers = {
          v.picture.height, v.picture.width, box.top,    box.left,     box.height,
          box.width,        shown.top,       shown.left, shown.height, shown.width};
      std::copy(numbers.begin(), numbers.end(), place.mutable_data_ptr<int64_t>() + row * 10);
    }
    batch.views = {{{{"pixels", pixels}, {"place", place}}}};
    return batch;
  }

  static PlacedView placed(const learn::Batch& batch, int64_t row) {
    const auto* n = batch.views.front().at("place").const_data_ptr<int64_t>() + row * 10;
    const auto at = [n](int i) { return static_cast<int>(n[i]); };
    return {batch.index[row].item<int64_t>(),
            {at(0), at(1)},
            {.box = {at(2), at(3), at(4), at(5)}, .shown = {at(6), at(7), at(8), at(9)}}};
  }

  BadImages bad_images() const { return views_.bad_images(); }

 private:
  PlacedViews views_;
};

}  // namespace

BadImages pass_over(const std::shared_ptr<const ImageSource>& source, const ViewRecipe& preprocess,
                    const FeatureOptions& options, torch::nn::Module& network,
                    const AnswerOf& answer, const TakeAnswer& take,
                    const FeatureProgress& progress) {
  const at::NoGradGuard no_grad;
  const at::Device device = learn::choose_device(options.device);
  const std::string precision = learn::choose_precision(options.precision, device);
  network.to(device);
  const auto batches = std::make_shared<PreprocessedBatches>(
      PlacedViews(source, preprocess, options.on_bad_image, 0));
  const int threads = options.threads > 0 ? options.threads : available_cores();
  const learn::LoaderOptions once = learn::Loader::once(source->size(), options.batch, threads);
  learn::Loader loader(batches, once);
  int64_t done = 0;
  for (int64_t step = 0; step < once.end_step; ++step) {
    const learn::Batch batch = loader.next();
    at::Tensor answers;
    {
      const learn::AutocastScope autocast(device, precision);
      answers = answer(batch.views.front().at("pixels").to(device));
    }
    answers = answers.to(at::kFloat).cpu();
    for (int64_t row = 0; row < answers.size(0); ++row) {
      const PlacedView view = PreprocessedBatches::placed(batch, row);
      if (view.index == done + row) take(view.index, view, answers[row]);
    }
    done += answers.size(0);
    if (progress) progress(done, source->size());
  }
  return batches->bad_images();
}

}  // namespace vistas::vision
