#include "vistas/methods/siamese.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>

#include "vistas/base/error.h"

namespace vistas::methods {

Siamese::Siamese(std::shared_ptr<learn::Encoder> encoder, const SiameseOptions& options,
                 uint64_t seed)
    : student_(register_module(
          "student", std::make_shared<learn::Branch>(std::move(encoder), options.projector, seed))),
      options_(options) {
  if (options.memory == 0) return;
  if (options.loss != SiameseLoss::contrastive || options.positives != Positives::labels) {
    throw Error(ErrorKind::usage, {.what = "method.memory",
                                   .expected = "method.loss = \"contrastive\" and "
                                               "method.positives = \"labels\"",
                                   .fix = "Set them, or method.memory = 0"});
  }
  memory_.emplace(options.memory, student_->dim());
  register_buffer("memory_rows", memory_->all_rows());
  register_buffer("memory_labels", memory_->all_labels());
  register_buffer("memory_pushed", memory_->pushed());
}

learn::Embeddings Siamese::embed(const learn::Batch& batch) {
  return {student_->jointly(batch.views), {}};
}

at::Tensor Siamese::loss(const learn::Embeddings& embeddings, const learn::Batch& batch) {
  const at::Tensor z = at::cat(embeddings.live);
  at::Tensor alike;
  if (options_.positives == Positives::labels) {
    alike = learn::labels_of(batch, "Siamese network");
  } else {
    learn::require_views(embeddings.live.size(), 2, "Siamese network");
    alike = batch.group.defined() ? batch.group : batch.index;
  }
  alike = alike.repeat({static_cast<int64_t>(embeddings.live.size())});
  if (options_.loss == SiameseLoss::triplet) {
    return contrast::triplet_by_labels(z, alike, options_.triplet).loss;
  }
  const at::Tensor in_batch = contrast::contrastive_by_labels(z, alike, options_.contrastive);
  if (!memory_) return in_batch;
  new_rows_ = z.detach();
  new_labels_ = alike;
  return in_batch + contrast::contrastive_with_memory(z, alike, *memory_, options_.contrastive);
}

void Siamese::after_step(const learn::Progress&) {
  if (memory_) memory_->push(new_rows_, new_labels_);
}

learn::Collapse Siamese::collapse() const {
  learn::Collapse signs{.cure = "Lower schedule.lr, or lengthen schedule.warmup_epochs"};
  if (options_.loss != SiameseLoss::triplet) return signs;
  if (options_.triplet.mining != contrast::TripletMining::all) {
    signs.cure = "Lower schedule.lr, or begin with method.triplet.mining = \"all\"";
  }
  signs.loss = options_.triplet.soft ? std::log(2.0) : options_.triplet.margin;
  signs.meaning = fmt::format("{}: all embeddings are one point",
                              options_.triplet.soft ? "ln 2" : "method.triplet.margin");
  return signs;
}

}  // namespace vistas::methods
