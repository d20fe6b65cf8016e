#include "vistas/vision/tasks/features.h"

#include <ATen/ATen.h>

#include "vistas/base/threads.h"
#include "vistas/learn/precision.h"
#include "vistas/vision/tasks/image_batches.h"

namespace vistas::vision {
namespace {

using Embed = std::function<at::Tensor(const learn::Inputs&)>;

Features collect(const ViewRecipe& preprocess, const std::shared_ptr<const ImageSource>& source,
                 const FeatureOptions& options, const FeatureProgress& progress,
                 const Embed& embed) {
  const at::NoGradGuard no_grad;
  const auto batches = std::make_shared<ImageBatches>(source, preprocess, options.on_bad_image, 0);
  const int threads = options.threads > 0 ? options.threads : available_cores();
  const auto once = learn::Loader::once(source->size(), options.batch, threads);
  learn::Loader loader(batches, once);
  Features out;
  std::vector<at::Tensor> parts;
  for (int64_t step = 0; step < once.end_step; ++step) {
    const learn::Batch batch = loader.next();
    // Where another picture took the place of a bad one, the row is left out.
    std::vector<int64_t> good;
    for (int64_t row = 0; row < batch.index.size(0); ++row) {
      const int64_t sample = step * options.batch + row;
      if (batch.index[row].item<int64_t>() != sample) continue;
      good.push_back(row);
      out.samples.push_back(sample);
    }
    const at::Tensor values = embed(batch.views.front());
    parts.push_back(static_cast<int64_t>(good.size()) == values.size(0)
                        ? values
                        : values.index_select(0, at::tensor(good, at::kLong)));
    if (progress) progress(step * options.batch + batch.index.size(0), source->size());
  }
  out.values = at::cat(parts);
  out.bad = batches->bad_images();
  return out;
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
