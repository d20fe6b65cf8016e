#include "vistas/vision/tasks/placed_pass.h"

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "vistas/base/threads.h"
#include "vistas/learn/group.h"
#include "vistas/learn/loader.h"
#include "vistas/learn/precision.h"
#include "vistas/vision/tasks/shared_pass.h"

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

  BadImages bad_images_among(const std::vector<int64_t>& samples) const {
    return views_.bad_images_among(samples);
  }

 private:
  PlacedViews views_;
};

PlacedView placed(int64_t sample, const at::Tensor& place) {
  const auto* n = place.const_data_ptr<int64_t>();
  const auto at = [n](int i) { return static_cast<int>(n[i]); };
  return {sample,
          {at(0), at(1)},
          {.box = {at(2), at(3), at(4), at(5)}, .shown = {at(6), at(7), at(8), at(9)}}};
}

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
  const learn::Group& group = learn::Group::current();
  const int64_t size = source->size(), count = (size + options.batch - 1) / options.batch;
  const bool shared = !group.alone() && count >= group.size();
  const int64_t rank = shared ? group.rank() : 0, ranks = shared ? group.size() : 1;
  // In turns, so that answers come in order; in the last round some may have no batch.
  std::vector<int64_t> own;
  for (int64_t b = rank; b < count; b += ranks) {
    for (int64_t i = b * options.batch; i < std::min(size, (b + 1) * options.batch); ++i) {
      own.push_back(i);
    }
  }
  const auto some = std::make_shared<SomeSamples>(batches, own);
  const learn::LoaderOptions once = learn::Loader::once(some->size(), options.batch, threads);
  learn::Loader loader(some, once);
  std::vector<at::Tensor> rows;  // wanted sample, sample that was read, place, answer
  for (int64_t round = 0, done = 0; done < size; ++round) {
    if (round < once.end_step) {
      const learn::Batch batch = loader.next();
      const learn::AutocastScope autocast(device, precision);
      const at::Tensor answers = answer(batch.views.front().at("pixels").to(device));
      const int64_t first = (round * ranks + rank) * options.batch;
      rows = {at::arange(first, first + answers.size(0)), batch.index,
              batch.views.front().at("place"), answers.to(at::kFloat).cpu().contiguous()};
    } else {
      for (at::Tensor& part : rows) part = part.narrow(0, 0, 0);
    }
    std::vector<at::Tensor> all = rows;
    if (shared) {
      const auto of_all = group.gather_rows(rows);
      for (size_t i = 0; i < all.size(); ++i) all[i] = of_all[i].all;
    }
    for (int64_t row = 0; row < all[0].size(0); ++row) {
      const int64_t sample = all[0][row].item<int64_t>();
      if (all[1][row].item<int64_t>() != sample) continue;
      take(sample, placed(sample, all[2][row]), all[3][row]);
    }
    done += all[0].size(0);
    if (progress) progress(done, size);
  }
  const BadImages bad = batches->bad_images_among(own);
  return shared ? gathered(bad) : bad;
}

}  // namespace vistas::vision
