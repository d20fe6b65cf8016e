#include "vistas/tune/fixed_views.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "vistas/base/error.h"
#include "vistas/learn/bundle.h"
#include "vistas/text/tasks/bundle.h"
#include "vistas/vision/tasks/bundle.h"

namespace vistas::tune {
namespace {

constexpr int64_t kLookedAt = 512;  // samples
constexpr int64_t kAtOnce = 128;

std::shared_ptr<learn::Encoder> encoder_of(const std::filesystem::path& run) {
  const auto folder = learn::find_bundle(run);
  if (learn::modality_of(folder) == learn::Modality::text) {
    return text::load_text_bundle(folder).encoder;
  }
  return vision::load_bundle(folder).encoder;
}

}  // namespace

FixedViews::FixedViews(const learn::BatchMaker& data) {
  const int64_t count = std::min(kLookedAt, data.size());
  std::vector<int64_t> samples;
  for (int64_t i = 0; i < count; ++i) {
    samples.push_back(i * data.size() / count);
    if (std::ssize(samples) < kAtOnce && i + 1 < count) continue;
    batches_.push_back(data.make(samples, 0));
    samples.clear();
  }
  if (batches_.front().views.size() < 2) {
    throw Error(ErrorKind::usage, {.what = "choosing views of a recipe that makes one view",
                                   .expected = "two views of a sample or more"});
  }
}

learn::Health FixedViews::look(learn::Encoder& encoder) const {
  const at::NoGradGuard no_grad;
  const at::Device device = encoder.parameters().front().device();
  std::vector<at::Tensor> first, second;
  for (const learn::Batch& batch : batches_) {
    first.push_back(encoder.forward(batch.views[0].to(device)));
    second.push_back(encoder.forward(batch.views[1].to(device)));
  }
  return learn::measure_health({.live = {at::cat(first), at::cat(second)}, .fixed = {}}, 0);
}

double FixedViews::score(const std::filesystem::path& run) const {
  const learn::Health health = look(*encoder_of(run));
  return -(health.alignment + health.uniformity);
}

}  // namespace vistas::tune
