#include "vistas/vision/tasks/features.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "vistas/base/threads.h"
#include "vistas/learn/group.h"
#include "vistas/learn/precision.h"
#include "vistas/vision/tasks/image_batches.h"

namespace vistas::vision {
namespace {

using Embed = std::function<at::Tensor(const learn::Inputs&)>;

// Some samples of another maker, that follow each other.
class SomeBatches : public learn::BatchMaker {
 public:
  SomeBatches(std::shared_ptr<const learn::BatchMaker> all, learn::RowRange range)
      : all_(std::move(all)), range_(range) {}
  int64_t size() const override { return range_.end - range_.begin; }
  learn::Batch make(const std::vector<int64_t>& samples, uint64_t epoch) const override {
    std::vector<int64_t> shifted = samples;
    for (int64_t& sample : shifted) sample += range_.begin;
    return all_->make(shifted, epoch);
  }

 private:
  std::shared_ptr<const learn::BatchMaker> all_;
  learn::RowRange range_;
};

// The lines of all processes, by rank.
std::vector<std::string> gathered(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + '\0';
  at::Tensor bytes = at::empty({static_cast<int64_t>(text.size())}, at::kByte);
  std::copy(text.begin(), text.end(), bytes.mutable_data_ptr<uint8_t>());
  const at::Tensor all = learn::Group::current().gather_rows({bytes}).front().all;
  const auto* begin = reinterpret_cast<const char*>(all.const_data_ptr<uint8_t>());
  const auto* end = begin + all.numel();
  std::vector<std::string> out;
  for (const char* at = begin; at < end; at += out.back().size() + 1) out.emplace_back(at);
  return out;
}

// Those of all processes below each other.
Features gathered(const Features& own) {
  const learn::Group& group = learn::Group::current();
  const auto rows = group.gather_rows({own.values, at::tensor(own.samples, at::kLong)});
  Features all;
  all.values = rows[0].all;
  const auto* samples = rows[1].all.const_data_ptr<int64_t>();
  all.samples.assign(samples, samples + rows[1].all.numel());
  at::Tensor counts = at::tensor({own.bad.count, own.bad.damaged}, at::kLong);
  group.sum_(counts);
  all.bad.add({.count = counts[0].item<int64_t>(),
               .first = gathered(own.bad.first),
               .damaged = counts[1].item<int64_t>(),
               .damaged_names = gathered(own.bad.damaged_names)});
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
  const auto some = std::make_shared<SomeBatches>(batches, range);
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
  out.bad = batches->bad_images();
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
