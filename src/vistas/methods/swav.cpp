#include "vistas/methods/swav.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>

#include "vistas/base/error.h"
#include "vistas/base/random.h"
#include "vistas/contrast/similarity.h"

namespace vistas::methods {
namespace {

constexpr size_t kQueues = 2;

}  // namespace

Swav::Swav(std::shared_ptr<learn::Encoder> encoder, const SwavOptions& options, uint64_t seed)
    : student_(register_module(
          "student", std::make_shared<learn::Branch>(std::move(encoder), options.projector, seed))),
      options_(options) {
  at::Generator generator = learn::initial_values(mix(seed, 1));
  prototypes_ = register_parameter(
      "prototypes", contrast::unit_rows(
                        at::empty({options.prototypes, student_->dim()}).normal_(0, 1, generator)));
  for (size_t i = 0; options.queue > 0 && i < kQueues; ++i) {
    queues_.emplace_back(options.queue, student_->dim(), mix(seed, 2 + i));
    register_buffer(fmt::format("queue{}", i), queues_[i].rows());
    register_buffer(fmt::format("queue{}_pushed", i), queues_[i].pushed());
  }
}

learn::Embeddings Swav::embed(const learn::Batch& batch) {
  learn::Embeddings out{student_->jointly(batch.views), {}};
  for (size_t i = 0; i < learn::leading_views(batch.views); ++i) {
    out.fixed.push_back(out.live[i].detach());
  }
  return out;
}

std::vector<at::Tensor> Swav::queue_scores(size_t large_views, const at::Tensor& prototypes) const {
  if (queues_.empty()) return {};
  if (large_views != kQueues) {
    throw Error(ErrorKind::usage,
                {.what = "SwAV with a queue: large views of a sample",
                 .got = fmt::format("{}", large_views),
                 .expected = fmt::format("{}", kQueues),
                 .fix = "Give the small views another size, or set method.queue = 0"});
  }
  if (progress().epochs() < options_.queue_from_epoch || !queues_.front().full()) return {};
  std::vector<at::Tensor> scores;
  for (const auto& queue : queues_) {
    scores.push_back(contrast::prototype_scores(queue.rows(), prototypes));
  }
  return scores;
}

at::Tensor Swav::loss(const learn::Embeddings& embeddings, const learn::Batch&) {
  learn::require_views(embeddings.live.size(), 2, "SwAV");
  new_rows_ = embeddings.fixed;
  // Without a gradient the optimiser leaves the prototypes alone, momentum and decay included.
  const at::Tensor prototypes = frozen(progress().step) ? prototypes_.detach() : prototypes_;
  std::vector<at::Tensor> scores;
  for (const at::Tensor& z : embeddings.live) {
    scores.push_back(contrast::prototype_scores(z, prototypes));
  }
  const size_t large = embeddings.fixed.size();
  return contrast::swav(scores, large, queue_scores(large, prototypes.detach()), options_.loss)
      .loss;
}

void Swav::after_step(const learn::Progress& progress) {
  const at::NoGradGuard no_grad;
  if (!frozen(progress.step - 1)) prototypes_.copy_(contrast::unit_rows(prototypes_));
  for (size_t i = 0; i < queues_.size(); ++i) queues_[i].push(new_rows_[i]);
}

learn::Collapse Swav::collapse() const {
  return {.loss = std::log(static_cast<double>(options_.prototypes)),
          .meaning = "ln(prototypes): every sample belongs to all clusters alike",
          .cure =
              "Lower method.sinkhorn.epsilon or schedule.lr, raise method.freeze_steps, or use "
              "fewer method.prototypes"};
}

}  // namespace vistas::methods
