#include "vistas/recommend/methods/next_item.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "vistas/base/error.h"
#include "vistas/base/random.h"

namespace vistas::recommend {
namespace {

std::shared_ptr<SequenceEncoder> sequence_encoder(const std::shared_ptr<learn::Encoder>& encoder) {
  auto found = std::dynamic_pointer_cast<SequenceEncoder>(encoder);
  if (found) return found;
  throw Error(ErrorKind::usage, {.what = "a method of sequences (next_item, cl4srec, duorec)",
                                 .got = "an encoder that reads none",
                                 .expected = "interactions and encoder.name = \"sequence\"",
                                 .fix = "--set encoder.name=sequence"});
}

}  // namespace

NextItem::NextItem(const std::shared_ptr<learn::Encoder>& encoder, const NextItemOptions& options,
                   uint64_t)
    : encoder_(register_module("encoder", sequence_encoder(encoder))), options_(options) {}

learn::Embeddings NextItem::embed(const learn::Batch& batch) {
  return {{encoder_->positions(batch.views.at(0))}, {}};
}

at::Tensor NextItem::next_item_loss(const at::Tensor& z, const learn::Batch& batch) const {
  const at::Tensor& next = learn::labels_of(batch, "next_item");
  const at::Tensor target = next.masked_select(next >= 0);
  const at::Tensor items = encoder_->items();
  at::Tensor drawn;
  if (options_.negatives > 0) {
    Draws draws({.seed = batch.key});
    std::vector<int64_t> numbers(static_cast<size_t>(options_.negatives));
    for (int64_t& number : numbers) number = draws.below(items.size(0));
    drawn = at::tensor(numbers, at::kLong).to(items.device());
  }
  return contrast::item_softmax(z, items, target, options_.loss, drawn);
}

at::Tensor NextItem::loss(const learn::Embeddings& embeddings, const learn::Batch& batch) {
  return next_item_loss(embeddings.live.at(0), batch);
}

int64_t NextItem::negatives(int64_t) const {
  return options_.negatives > 0 ? options_.negatives : encoder_->items().size(0) - 1;
}

SequenceContrast::SequenceContrast(const std::shared_ptr<learn::Encoder>& encoder,
                                   const SequenceContrastOptions& options, uint64_t seed)
    : NextItem(encoder, options.next, seed), options_(options) {}

learn::Embeddings SequenceContrast::embed(const learn::Batch& batch) {
  if (batch.views.size() != 3) {
    throw Error(ErrorKind::usage, {.what = "a method that compares two views of sequences",
                                   .got = fmt::format("{} views", batch.views.size()),
                                   .expected = "3: the sequence itself and the two"});
  }
  return {{sequences().forward(batch.views[1]), sequences().forward(batch.views[2]),
           sequences().positions(batch.views[0])},
          {}};
}

at::Tensor SequenceContrast::loss(const learn::Embeddings& embeddings, const learn::Batch& batch) {
  const auto& z = embeddings.live;
  return next_item_loss(z.at(2), batch) +
         options_.weight * contrast::nt_xent(z.at(0), z.at(1), options_.contrast, batch.group);
}

}  // namespace vistas::recommend
