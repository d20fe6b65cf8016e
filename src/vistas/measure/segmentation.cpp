#include "vistas/measure/segmentation.h"

#include <fmt/format.h>

#include <string>

#include "vistas/base/error.h"

namespace vistas::measure {
namespace {

double share(int64_t part, int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : -1;
}

// Of the values that are not -1; -1 if all are.
double mean_of_known(std::span<const double> values) {
  double sum = 0, known = 0;
  for (const double v : values) {
    if (v < 0) continue;
    sum += v;
    ++known;
  }
  return known > 0 ? sum / known : -1;
}

}  // namespace

ConfusionMatrix::ConfusionMatrix(int64_t classes, int64_t ignore)
    : classes_(classes), ignore_(ignore) {
  if (classes < 1 || classes > 256 || ignore < -1 || ignore > 255) {
    throw Error(ErrorKind::usage, {.what = "classes of pixels",
                                   .got = fmt::format("{} classes, ignoring {}", classes, ignore),
                                   .expected = "1 .. 256 classes, ignoring -1 .. 255"});
  }
  counts_.resize(static_cast<size_t>(classes * classes));
}

void ConfusionMatrix::add(std::span<const uint8_t> truth, std::span<const uint8_t> predicted) {
  if (truth.size() != predicted.size()) {
    throw Error(ErrorKind::data, {.what = "true and predicted pixels",
                                  .got = fmt::format("{} and {}", truth.size(), predicted.size()),
                                  .expected = "one of each a pixel"});
  }
  for (size_t i = 0; i < truth.size(); ++i) {
    if (truth[i] == ignore_ || (truth[i] < classes_ && predicted[i] < classes_)) continue;
    const bool wrong_truth = truth[i] >= classes_;
    throw Error(ErrorKind::data,
                {.what = fmt::format("{} class of pixel {}", wrong_truth ? "true" : "predicted", i),
                 .got = fmt::to_string(wrong_truth ? truth[i] : predicted[i]),
                 .expected = fmt::format("0 .. {}", classes_ - 1) +
                             (wrong_truth && ignore_ >= 0
                                  ? fmt::format(", or {} for ignored pixels", ignore_)
                                  : "")});
  }
  for (size_t i = 0; i < truth.size(); ++i) {
    if (truth[i] != ignore_) ++counts_[static_cast<size_t>(truth[i] * classes_ + predicted[i])];
  }
}

SegmentationScores ConfusionMatrix::scores() const {
  SegmentationScores out;
  int64_t right = 0, all = 0;
  for (int64_t c = 0; c < classes_; ++c) {
    int64_t is = 0, was_predicted = 0;
    for (int64_t other = 0; other < classes_; ++other) {
      is += count(c, other);
      was_predicted += count(other, c);
    }
    out.class_iou.push_back(share(count(c, c), is + was_predicted - count(c, c)));
    out.class_accuracy.push_back(share(count(c, c), is));
    right += count(c, c);
    all += is;
  }
  out.miou = mean_of_known(out.class_iou);
  out.pixel_accuracy = share(right, all);
  out.mean_class_accuracy = mean_of_known(out.class_accuracy);
  return out;
}

}  // namespace vistas::measure
