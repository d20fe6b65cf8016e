// From pictures to boxes and masks: detect() and segment().
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "vistas/vision/tasks/dense_bundle.h"
#include "vistas/vision/tasks/placed_pass.h"

namespace vistas::vision {

void DetectOptions::fields(Fields& f) {
  f.add("score", score, "least score of a box", {0, 1});
  f.add("overlap", overlap, "IoU above which the worse of two boxes of a class is left out",
        {0, 1});
  f.add("most", most, "boxes of a picture", {1, 1e6});
  f.add("candidates", candidates, "boxes of a picture before those that overlap are left out",
        {1, 1e7});
}

namespace {

double iou(const measure::FoundBox& a, const measure::FoundBox& b) {
  const double width = std::min(a.right, b.right) - std::max(a.left, b.left);
  const double height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  if (width <= 0 || height <= 0) return 0;
  const auto area = [](const measure::FoundBox& x) {
    return (x.right - x.left) * (x.bottom - x.top);
  };
  return width * height / (area(a) + area(b) - width * height);
}

float sigmoid(float x) {
  return 1 / (1 + std::exp(-x));
}

// Answers above the least score, best first.
struct Candidate {
  float score;
  int64_t place, label;
};

std::vector<Candidate> candidates(const at::TensorAccessor<float, 2>& answers,
                                  const DetectOptions& options) {
  const int64_t classes = answers.size(1) - 5;
  std::vector<Candidate> found;
  for (int64_t p = 0; p < answers.size(0); ++p) {
    const float centreness = sigmoid(answers[p][classes + 4]);
    // Most places show nothing: their logits need no exponential.
    const double needed = options.score * options.score / centreness;
    if (needed >= 1) continue;
    const auto least = static_cast<float>(needed > 0 ? std::log(needed / (1 - needed)) : -INFINITY);
    for (int64_t c = 0; c < classes; ++c) {
      if (answers[p][c] < least) continue;
      const float score = std::sqrt(sigmoid(answers[p][c]) * centreness);
      if (score > options.score) found.push_back({score, p, c});
    }
  }
  const auto better = [](const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score > b.score
                              : std::pair(a.place, a.label) < std::pair(b.place, b.label);
  };
  const auto keep = std::min(found.size(), static_cast<size_t>(options.candidates));
  std::partial_sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(keep), found.end(),
                    better);
  found.resize(keep);
  return found;
}

}  // namespace

std::vector<measure::FoundBox> suppress(std::vector<measure::FoundBox> boxes, double overlap,
                                        int64_t most) {
  std::stable_sort(boxes.begin(), boxes.end(),
                   [](const auto& a, const auto& b) { return a.score > b.score; });
  std::vector<measure::FoundBox> kept;
  for (const measure::FoundBox& box : boxes) {
    if (static_cast<int64_t>(kept.size()) == most) break;
    const bool seen = std::any_of(kept.begin(), kept.end(), [&](const measure::FoundBox& other) {
      return other.label == box.label && iou(other, box) > overlap;
    });
    if (!seen) kept.push_back(box);
  }
  return kept;
}

std::vector<measure::FoundBox> decode_boxes(const at::Tensor& answers,
                                            const std::vector<Level>& levels,
                                            const DetectOptions& options) {
  const at::Tensor rows = answers.contiguous();
  const auto at = rows.accessor<float, 2>();
  const int64_t classes = rows.size(1) - 5;
  std::vector<measure::FoundBox> boxes;
  for (const Candidate& c : candidates(at, options)) {
    int64_t place = c.place;
    size_t l = 0;
    for (; place >= levels[l].height * levels[l].width; ++l) {
      place -= levels[l].height * levels[l].width;
    }
    const Level& level = levels[l];
    const auto middle = [&](int64_t i) {
      return (static_cast<double>(i) + 0.5) * static_cast<double>(level.stride);
    };
    const double x = middle(place % level.width), y = middle(place / level.width);
    const auto side = [&](int64_t i) { return double{at[c.place][classes + i]}; };
    boxes.push_back({x - side(0), y - side(1), x + side(2), y + side(3), c.label, c.score});
  }
  return suppress(std::move(boxes), options.overlap, options.most);
}

Detections detect(const DenseBundle& bundle, const std::shared_ptr<const ImageSource>& source,
                  const DetectOptions& options, const FeatureOptions& features,
                  const FeatureProgress& progress) {
  const auto* detector = dynamic_cast<const Detector*>(bundle.network.get());
  const ViewSpec& view = bundle.preprocess.views.front();
  const std::vector<Level> levels = detector->levels(view.height, view.width);
  Detections out;
  out.boxes.resize(static_cast<size_t>(source->size()));
  out.bad = pass_over(
      source, bundle.preprocess, features, *bundle.network,
      [&](const at::Tensor& pixels) { return bundle.network->forward(pixels); },
      [&](int64_t sample, const PlacedView& where, const at::Tensor& answers) {
        out.read.push_back(sample);
        auto& boxes = out.boxes[static_cast<size_t>(sample)];
        for (const measure::FoundBox& box : decode_boxes(answers, levels, options)) {
          const ObjectBox placed =
              to_picture(where.trace, where.picture, {box.left, box.top, box.right, box.bottom});
          if (placed.right <= placed.left || placed.bottom <= placed.top) continue;
          boxes.push_back(
              {placed.left, placed.top, placed.right, placed.bottom, box.label, box.score});
        }
      },
      progress);
  return out;
}

BadImages segment(const DenseBundle& bundle, const std::shared_ptr<const ImageSource>& source,
                  const FeatureOptions& features, const TakeMask& take,
                  const FeatureProgress& progress) {
  const ViewSpec& view = bundle.preprocess.views.front();
  Image mask;
  return pass_over(
      source, bundle.preprocess, features, *bundle.network,
      [&](const at::Tensor& pixels) { return bundle.network->forward(pixels); },
      [&](int64_t sample, const PlacedView& where, const at::Tensor& logits) {
        const Box& shown = where.trace.shown;
        const at::Tensor in_view =
            at::upsample_bilinear2d(logits.unsqueeze(0), {view.height, view.width}, false)
                .slice(2, shown.top, shown.top + shown.height)
                .slice(3, shown.left, shown.left + shown.width);
        const at::Tensor classes =
            at::upsample_bilinear2d(in_view, {where.picture.height, where.picture.width}, false)
                .argmax(1)
                .to(at::kByte)
                .contiguous();
        mask.reset(where.picture.height, where.picture.width, 1);
        std::copy_n(classes.const_data_ptr<uint8_t>(), classes.numel(), mask.row<uint8_t>(0));
        take(sample, mask);
      },
      progress);
}

}  // namespace vistas::vision
