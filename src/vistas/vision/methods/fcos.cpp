#include "vistas/vision/methods/fcos.h"

#include <ATen/ATen.h>

#include <limits>

#include "vistas/base/error.h"

namespace vistas::vision {

void FcosOptions::fields(Fields& f) {
  f.add("focal_alpha", focal_alpha, "weight of places with an object in the focal loss", {0, 1});
  f.add("focal_gamma", focal_gamma, "how little places count that are right already", {0, 10});
  f.add("radius", radius, "strides around the middle of a box whose places answer for it",
        {0.5, 100});
  f.add("box_weight", box_weight, "of the loss of the boxes beside that of the classes", {0, 1000});
}

Places places_of(const std::vector<Level>& levels) {
  std::vector<at::Tensor> middles, strides;
  for (const Level& level : levels) {
    const auto along = [&](int64_t count) {
      return (at::arange(count, at::kFloat) + 0.5) * level.stride;
    };
    const at::Tensor x = along(level.width).view({1, -1}).expand({level.height, level.width});
    const at::Tensor y = along(level.height).view({-1, 1}).expand({level.height, level.width});
    middles.push_back(at::stack({x, y}, -1).view({-1, 2}));
    strides.push_back(
        at::full({level.height * level.width}, static_cast<float>(level.stride), at::kFloat));
  }
  return {at::cat(middles), at::cat(strides)};
}

namespace {

constexpr double kFarthest = 8;  // strides from a place to the farthest side of its box

// The largest distance that places of each level are for, and the smallest, [P].
std::pair<at::Tensor, at::Tensor> distances_of(const std::vector<Level>& levels,
                                               const at::Tensor& stride) {
  const at::Tensor most = at::where(stride.eq(static_cast<float>(levels.back().stride)),
                                    std::numeric_limits<float>::infinity(), stride * kFarthest);
  const at::Tensor least = at::where(stride.eq(static_cast<float>(levels.front().stride)), 0.0,
                                     stride * (kFarthest / 2));
  return {least, most};
}

}  // namespace

PlaceTargets assign_places(const std::vector<Level>& levels, const at::Tensor& boxes,
                           double radius) {
  const Places places = places_of(levels);
  const auto [least, most] = distances_of(levels, places.stride);
  const int64_t count = places.stride.size(0);
  PlaceTargets out{at::full({boxes.size(0), count}, kNoBox, at::kLong),
                   at::zeros({boxes.size(0), count, 4})};
  for (int64_t b = 0; b < boxes.size(0); ++b) {
    const at::Tensor used = boxes[b].select(1, 0).ne(static_cast<float>(kNoBox)).nonzero().view(-1);
    if (used.size(0) == 0) continue;
    const at::Tensor rows = boxes[b].index_select(0, used);  // [M, 5]
    const at::Tensor label = rows.select(1, 0).to(at::kLong);
    const at::Tensor low = rows.slice(1, 1, 3), high = rows.slice(1, 3, 5);  // [M, 2]
    const at::Tensor place = places.middle.unsqueeze(1);                     // [P, 1, 2]
    const at::Tensor sides = at::cat({place - low, high - place}, 2);        // [P, M, 4]
    const at::Tensor inside = sides.amin(2).gt(0);
    const at::Tensor off = (place - (low + high) / 2).abs().amax(2);  // [P, M]
    const at::Tensor farthest = sides.amax(2);
    const at::Tensor object = label.ge(0);
    const at::Tensor answers = inside.logical_and(off.le(places.stride.unsqueeze(1) * radius))
                                   .logical_and(farthest.gt(least.unsqueeze(1)))
                                   .logical_and(farthest.le(most.unsqueeze(1)))
                                   .logical_and(object);
    const at::Tensor area = (high - low).prod(1);  // [M]
    const auto [smallest, which] =
        at::where(answers, area, std::numeric_limits<float>::infinity()).min(1);
    const at::Tensor found = smallest.isfinite();
    const at::Tensor in_region = inside.logical_and(object.logical_not()).any(1);
    const at::Tensor other = at::where(in_region, kRegion, kNoBox);
    out.label[b] = at::where(found, label.index_select(0, which), other);
    const at::Tensor own =
        sides.gather(1, which.view({-1, 1, 1}).expand({-1, 1, 4})).squeeze(1);  // [P, 4]
    out.sides[b] = at::where(found.unsqueeze(1), own, 0.0);
  }
  return out;
}

at::Tensor centreness_of(const at::Tensor& sides) {
  const at::Tensor low = sides.slice(-1, 0, 2), high = sides.slice(-1, 2, 4);
  return (at::minimum(low, high) / at::maximum(low, high)).prod(-1).sqrt();
}

at::Tensor focal_loss(const at::Tensor& logits, const at::Tensor& target, double alpha,
                      double gamma) {
  // By logarithms: a power below 1 of a probability of 0 has no gradient.
  const at::Tensor right = (2 * target - 1) * logits;  // the logit of p_t
  const at::Tensor modulation = (gamma * at::log_sigmoid(-right)).exp();
  const at::Tensor weight = (2 * alpha - 1) * target + (1 - alpha);
  return -(weight * modulation * at::log_sigmoid(right)).sum();
}

at::Tensor giou_loss(const at::Tensor& sides, const at::Tensor& target) {
  const auto area = [](const at::Tensor& s) {
    return (s.select(1, 0) + s.select(1, 2)) * (s.select(1, 1) + s.select(1, 3));
  };
  const at::Tensor both = area(at::minimum(sides, target));
  const at::Tensor either = area(sides) + area(target) - both;
  const at::Tensor hull = area(at::maximum(sides, target));
  return 1 - both / either + (hull - either) / hull;
}

Fcos::Fcos(const std::shared_ptr<learn::Encoder>& encoder, const FcosOptions& options, uint64_t)
    : detector_(std::dynamic_pointer_cast<Detector>(encoder)), options_(options) {
  if (!detector_) {
    throw Error(ErrorKind::usage, {.what = "method.name",
                                   .got = "fcos, for an encoder that finds no boxes",
                                   .expected = "data.modality = \"boxes\"",
                                   .fix = "Use `vistas detect train`"});
  }
  register_module("detector", detector_);
}

learn::Embeddings Fcos::embed(const learn::Batch& batch) {
  const learn::Inputs& view = batch.views.front();
  const at::Tensor& pixels = view.at("pixels");
  levels_ = detector_->levels(pixels.size(2), pixels.size(3));
  return {{detector_->forward(pixels)}, {view.at("boxes")}};
}

at::Tensor Fcos::loss(const learn::Embeddings& embeddings, const learn::Batch&) {
  const at::Tensor& answers = embeddings.live.front();
  const int64_t classes = detector_->classes();
  PlaceTargets targets;
  {
    const at::NoGradGuard no_grad;
    targets = assign_places(levels_, embeddings.fixed.front().cpu(), options_.radius);
  }
  const at::Tensor label = targets.label.to(answers.device()).flatten();
  const at::Tensor rows = answers.flatten(0, 1);
  const at::Tensor counts = label.ne(kRegion).nonzero().view(-1);
  const at::Tensor objects = label.ge(0).nonzero().view(-1);
  const double count = std::max<double>(1, static_cast<double>(objects.size(0)));
  const at::Tensor wanted =
      label.unsqueeze(1).eq(at::arange(classes, label.options())).to(at::kFloat);
  at::Tensor loss =
      focal_loss(rows.slice(1, 0, classes).index_select(0, counts), wanted.index_select(0, counts),
                 options_.focal_alpha, options_.focal_gamma) /
      count;
  if (objects.size(0) == 0) return loss;
  const at::Tensor own = rows.index_select(0, objects);
  const at::Tensor sides =
      targets.sides.to(answers.device()).flatten(0, 1).index_select(0, objects);
  const at::Tensor centreness = centreness_of(sides);
  loss = loss + options_.box_weight *
                    (giou_loss(own.slice(1, classes, classes + 4), sides) * centreness).sum() /
                    centreness.sum();
  return loss + at::binary_cross_entropy_with_logits(own.select(1, classes + 4), centreness, {}, {},
                                                     at::Reduction::Mean);
}

}  // namespace vistas::vision
