#include "vistas/vision/methods/densecl.h"

#include <ATen/ATen.h>

#include "vistas/base/error.h"
#include "vistas/base/random.h"

namespace vistas::vision {

void DenseClOptions::fields(Fields& f) {
  loss.fields(f);
  f.add("dense_weight", dense_weight, "share of the loss of places", {0, 1});
  f.add("dense_from", dense_from, "part of the run before the loss of places counts", {0, 1});
  f.add("queue", queue, "keys of earlier batches, whole ones and means of places", {1, 1e9});
  f.add("batch_norm_splits", batch_norm_splits,
        "parts of a batch that batch norm sees apart; 1 is ordinary batch norm", {1, 1024});
  f.group("teacher", teacher);
  f.group("projector", projector);
}

DenseBranch::DenseBranch(std::shared_ptr<MapEncoder> encoder,
                         const learn::ProjectorOptions& options, uint64_t seed)
    : encoder_(register_module("encoder", std::move(encoder))),
      whole_(register_module("projector",
                             std::make_shared<learn::Projector>(encoder_->dim(), options, seed))),
      places_(register_module("places_projector", std::make_shared<learn::Projector>(
                                                      encoder_->dim(), options, mix(seed, 1)))) {}

DenseBranch::Output DenseBranch::forward(const at::Tensor& pixels) {
  const at::Tensor map = encoder_->map(pixels).flatten(2).transpose(1, 2);  // [B, P, F]
  const at::Tensor places = places_->forward(map.flatten(0, 1));
  return {whole_->forward(map.mean(1)), places.view({map.size(0), map.size(1), -1}), map};
}

at::Tensor matching_places(const at::Tensor& map, const at::Tensor& other) {
  // By unit vectors of the other map alone: the length of a place does not change its best match.
  const at::Tensor unit = other / other.norm(2, -1, true).clamp_min(1e-12);
  return at::bmm(map, unit.transpose(1, 2)).argmax(2);
}

namespace {

std::shared_ptr<MapEncoder> with_map(const std::shared_ptr<learn::Encoder>& encoder) {
  auto network = std::dynamic_pointer_cast<MapEncoder>(encoder);
  if (network) return network;
  throw Error(ErrorKind::usage, {.what = "encoder.name: DenseCL compares places of a map",
                                 .got = "an encoder without one",
                                 .expected = "resnet18, resnet34 or resnet50 without a neck"});
}

}  // namespace

DenseCl::DenseCl(const std::shared_ptr<learn::Encoder>& encoder,
                 const std::shared_ptr<learn::Encoder>& teacher, const DenseClOptions& options,
                 uint64_t seed)
    : student_(register_module(
          "student", std::make_shared<DenseBranch>(with_map(encoder), options.projector, seed))),
      teacher_(register_module(
          "teacher", std::make_shared<DenseBranch>(with_map(teacher), options.projector, seed))),
      options_(options) {
  learn::start_teacher(*teacher_, *student_);
  learn::split_batch_norm(*this, options.batch_norm_splits);
  queue_.emplace(options.queue, student_->dim(), mix(seed, 2));
  places_queue_.emplace(options.queue, student_->dim(), mix(seed, 3));
  register_buffer("queue", queue_->rows());
  register_buffer("queue_pushed", queue_->pushed());
  register_buffer("places_queue", places_queue_->rows());
  register_buffer("places_queue_pushed", places_queue_->pushed());
}

// In another order than the queries, as MoCo does it: batch norm tells nothing.
DenseBranch::Output DenseCl::key(const learn::Inputs& view, uint64_t key) {
  const at::NoGradGuard no_grad;
  if (options_.batch_norm_splits == 1) return teacher_->forward(view.at("pixels"));
  const at::Tensor order =
      at::tensor(Draws({.seed = key}).permutation(view.rows())).to(view.at("pixels").device());
  const at::Tensor back = order.argsort();
  const DenseBranch::Output out = teacher_->forward(view.select(order).at("pixels"));
  return {out.whole.index_select(0, back), out.places.index_select(0, back),
          out.map.index_select(0, back)};
}

learn::Embeddings DenseCl::embed(const learn::Batch& batch) {
  if (batch.views.size() < 2) {
    throw Error(ErrorKind::usage, {.what = "DenseCL: views of a sample",
                                   .got = "1",
                                   .expected = "2 or more",
                                   .fix = "Choose a view recipe that makes them: "
                                          "--set views.recipe=mocov2"});
  }
  const DenseBranch::Output query = student_->forward(batch.views[0].at("pixels"));
  learn::Embeddings out{{query.whole, query.places}, {}};
  if (replaying()) return out;
  const DenseBranch::Output keys = key(batch.views[1], batch.key);
  const at::NoGradGuard no_grad;
  const at::Tensor match = matching_places(query.map, keys.map);
  const at::Tensor matched =
      keys.places.gather(1, match.unsqueeze(2).expand({-1, -1, keys.places.size(2)}));
  out.fixed = {keys.whole, matched, keys.places.mean(1)};
  return out;
}

at::Tensor DenseCl::loss(const learn::Embeddings& embeddings, const learn::Batch&) {
  new_key_ = embeddings.fixed[0];
  new_mean_ = embeddings.fixed[2];
  const at::Tensor whole = contrast::info_nce_queue(embeddings.live[0], embeddings.fixed[0],
                                                    queue_->rows(), options_.loss);
  const bool early = static_cast<double>(progress().step) <
                     options_.dense_from * static_cast<double>(progress().total);
  const double weight = early ? 0 : options_.dense_weight;
  const at::Tensor places =
      contrast::info_nce_queue(embeddings.live[1].flatten(0, 1), embeddings.fixed[1].flatten(0, 1),
                               places_queue_->rows(), options_.loss);
  return (1 - weight) * whole + weight * places;
}

void DenseCl::after_step(const learn::Progress& progress) {
  learn::follow_student(*teacher_, *student_, options_.teacher, progress);
  queue_->push(new_key_);
  places_queue_->push(new_mean_);
}

}  // namespace vistas::vision
