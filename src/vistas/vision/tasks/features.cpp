#include "vistas/vision/tasks/features.h"

#include <ATen/ATen.h>

#include <numeric>
#include <utility>

#include "vistas/base/threads.h"
#include "vistas/learn/group.h"
#include "vistas/learn/precision.h"
#include "vistas/vision/tasks/image_batches.h"
#include "vistas/vision/tasks/shared_pass.h"

namespace vistas::vision {
namespace {

using Embed = std::function<at::Tensor(const learn::Inputs&)>;

// Those of all processes below each other.
Features gathered(const Features& own) {
  const learn::Group& group = learn::Group::current();
  const auto rows = group.gather_rows({own.values, at::tensor(own.samples, at::kLong)});
  Features all;
  all.values = rows[0].all;
  const auto* samples = rows[1].all.const_data_ptr<int64_t>();
  all.samples.assign(samples, samples + rows[1].all.numel());
  all.bad = gathered(own.bad);
  return all;
}

Features collect(const ViewRecipe& preprocess, const std::shared_ptr<const ImageSource>& source,
                 const FeatureOptions& options, const FeatureProgress& progress,
                 const Embed& embed) {
  const at::NoGradGuard no_grad;
  const auto batches = std::make_shared<ImageBatches>(source, preprocess, options.on_bad_image, 0);
  const int threads = options.threads > 0 ? options.threads : available_cores();
  const learn::Group& group = learn::Group::current();
  const bool shared = !group.alone() && source->size() >= group.size();
  const learn::RowRange range =
      shared ? learn::share_of_rows(source->size(), group.rank(), group.size())
             : learn::RowRange{0, source->size()};
  std::vector<int64_t> own(static_cast<size_t>(range.end - range.begin));
  std::iota(own.begin(), own.end(), range.begin);
  const auto some = std::make_shared<SomeSamples>(batches, own);
  const auto once = learn::Loader::once(some->size(), options.batch, threads);
  learn::Loader loader(some, once);
  Features out;
  std::vector<at::Tensor> parts;
  for (int64_t step = 0; step < once.end_step; ++step) {
    const learn::Batch batch = loader.next();
    // Where another picture took the place of a bad one, the row is left out.
    std::vector<int64_t> good;
    for (int64_t row = 0; row < batch.index.size(0); ++row) {
      const int64_t sample = range.begin + step * options.batch + row;
      if (batch.index[row].item<int64_t>() != sample) continue;
      good.push_back(row);
      out.samples.push_back(sample);
    }
    const at::Tensor values = embed(batch.views.front());
    parts.push_back(static_cast<int64_t>(good.size()) == values.size(0)
                        ? values
                        : values.index_select(0, at::tensor(good, at::kLong)));
    if (progress) progress(step * options.batch + batch.index.size(0), some->size());
  }
  out.values = at::cat(parts);
  out.bad = batches->bad_images_among(own);
  return shared ? gathered(out) : out;
}

}  // namespace

Features extract_features(const Bundle& bundle, std::shared_ptr<const ImageSource> source,
                          const FeatureOptions& options, const FeatureProgress& progress) {
  const at::Device device = learn::choose_device(options.device);
  const std::string precision = learn::choose_precision(options.precision, device);
  bundle.encoder->to(device);
  return collect(bundle.preprocess, source, options, progress, [&](const learn::Inputs& inputs) {
    const learn::AutocastScope autocast(device, precision);
    return bundle.encoder->forward(inputs.to(device)).to(at::kFloat).cpu();
  });
}

Features pixel_features(const ViewRecipe& preprocess, std::shared_ptr<const ImageSource> source,
                        const FeatureOptions& options) {
  return collect(preprocess, source, options, {},
                 [](const learn::Inputs& inputs) { return inputs.at("pixels").flatten(1); });
}

}  // namespace vistas::vision
