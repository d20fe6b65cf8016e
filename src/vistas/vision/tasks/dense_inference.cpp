// From pictures to boxes and masks: detect() and segment().
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "vistas/base/threads.h"
#include "vistas/learn/loader.h"
#include "vistas/learn/precision.h"
#include "vistas/vision/tasks/dense_bundle.h"

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

namespace {

// Batches of the view without chance, with the place of each: Inputs "place" [B, 10] int64.
class PreprocessedBatches : public learn::BatchMaker {
 public:
  explicit PreprocessedBatches(PlacedViews views) : views_(std::move(views)) {}
  int64_t size() const override { return views_.size(); }
  learn::Batch make(const std::vector<int64_t>& samples, uint64_t epoch) const override {
    const auto rows = static_cast<int64_t>(samples.size());
    const at::Tensor pixels = views_.empty_pixels(rows);
    learn::Batch batch;
    batch.index = at::empty({rows}, at::kLong);
    const at::Tensor place = at::empty({rows, 10}, at::kLong);
    for (int64_t row = 0; row < rows; ++row) {
      const PlacedView v = views_.make(samples[static_cast<size_t>(row)], epoch,
                                       pixels.mutable_data_ptr<float>() + row * pixels[0].numel());
      batch.index.mutable_data_ptr<int64_t>()[row] = v.index;
      const Box &box = v.trace.box, &shown = v.trace.shown;
      const std::initializer_list<int> numbers = {
          v.picture.height, v.picture.width, box.top,    box.left,     box.height,
          box.width,        shown.top,       shown.left, shown.height, shown.width};
      std::copy(numbers.begin(), numbers.end(), place.mutable_data_ptr<int64_t>() + row * 10);
    }
    batch.views = {{{{"pixels", pixels}, {"place", place}}}};
    return batch;
  }
  static PlacedView placed(const learn::Batch& batch, int64_t row) {
    const auto* n = batch.views.front().at("place").const_data_ptr<int64_t>() + row * 10;
    const auto box = [&](int i) {
      return Box{static_cast<int>(n[i]), static_cast<int>(n[i + 1]), static_cast<int>(n[i + 2]),
                 static_cast<int>(n[i + 3])};
    };
    return {batch.index[row].item<int64_t>(),
            {static_cast<int>(n[0]), static_cast<int>(n[1])},
            {.box = box(2), .shown = box(6)}};
  }
  BadImages bad_images() const { return views_.bad_images(); }

 private:
  PlacedViews views_;
};

// Calls take(sample, where, answers of the row) for every picture that can be read, in order.
template <class Take>
BadImages for_each_answer(const DenseBundle& bundle,
                          const std::shared_ptr<const ImageSource>& source,
                          const FeatureOptions& options, const FeatureProgress& progress,
                          const Take& take) {
  const at::NoGradGuard no_grad;
  const at::Device device = learn::choose_device(options.device);
  const std::string precision = learn::choose_precision(options.precision, device);
  bundle.network->to(device);
  const auto batches = std::make_shared<PreprocessedBatches>(
      PlacedViews(source, bundle.preprocess, options.on_bad_image, 0));
  const int threads = options.threads > 0 ? options.threads : available_cores();
  learn::LoaderOptions once = learn::Loader::once(source->size(), options.batch, threads);
  learn::Loader loader(batches, once);
  int64_t done = 0;
  for (int64_t step = 0; step < once.end_step; ++step) {
    const learn::Batch batch = loader.next();
    at::Tensor answers;
    {
      const learn::AutocastScope autocast(device, precision);
      answers = bundle.network->forward(batch.views.front().at("pixels").to(device));
    }
    answers = answers.to(at::kFloat).cpu();
    for (int64_t row = 0; row < answers.size(0); ++row) {
      const PlacedView view = PreprocessedBatches::placed(batch, row);
      const int64_t sample = done + row;
      if (view.index == sample) take(sample, view, answers[row]);
    }
    done += answers.size(0);
    if (progress) progress(done, source->size());
  }
  return batches->bad_images();
}

}  // namespace

Detections detect(const DenseBundle& bundle, const std::shared_ptr<const ImageSource>& source,
                  const DetectOptions& options, const FeatureOptions& features,
                  const FeatureProgress& progress) {
  const auto* detector = dynamic_cast<const Detector*>(bundle.network.get());
  const ViewSpec& view = bundle.preprocess.views.front();
  const std::vector<Level> levels = detector->levels(view.height, view.width);
  Detections out;
  out.boxes.resize(static_cast<size_t>(source->size()));
  out.bad = for_each_answer(
      bundle, source, features, progress,
      [&](int64_t sample, const PlacedView& where, const at::Tensor& answers) {
        auto& boxes = out.boxes[static_cast<size_t>(sample)];
        for (const measure::FoundBox& box : decode_boxes(answers, levels, options)) {
          const ObjectBox placed =
              to_picture(where.trace, where.picture, {box.left, box.top, box.right, box.bottom});
          if (placed.right <= placed.left || placed.bottom <= placed.top) continue;
          boxes.push_back(
              {placed.left, placed.top, placed.right, placed.bottom, box.label, box.score});
        }
      });
  return out;
}

BadImages segment(const DenseBundle& bundle, const std::shared_ptr<const ImageSource>& source,
                  const FeatureOptions& features, const TakeMask& take,
                  const FeatureProgress& progress) {
  const ViewSpec& view = bundle.preprocess.views.front();
  Image mask;
  return for_each_answer(
      bundle, source, features, progress,
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
      });
}

}  // namespace vistas::vision
