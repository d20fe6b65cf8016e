#include "vistas/measure/detection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <string>

#include "vistas/base/error.h"

namespace vistas::measure {
namespace {

constexpr int kThresholds = kDetectionThresholds, kRecallPoints = 101;
constexpr int kMostBoxes = 100;  // of a picture and class
constexpr double kAreaRanges[][2] = {{0, 1e10}, {0, 1024}, {1024, 9216}, {9216, 1e10}};
constexpr int kRanges = 4;  // all, small, medium, large

// Rounded as numpy's linspace rounds them: an IoU or a recall may be equal to one.
template <int count>
constexpr std::array<double, count> steps_between(double low, double high) {
  std::array<double, count> out{};
  const double step = (high - low) / (count - 1);
  for (int i = 0; i < count; ++i) out[static_cast<size_t>(i)] = i * step + low;
  out.back() = high;
  return out;
}
constexpr auto kIou = steps_between<kThresholds>(0.5, 0.95);
constexpr auto kRecall = steps_between<kRecallPoints>(0, 1);

// What became of a found box: a bit for each threshold, in each range of areas. Neither bit set:
// it does not count.
struct Judged {
  double score = 0;
  int rank = 0;  // in its picture and class
  std::array<uint16_t, kRanges> right{}, wrong{};
};

struct ClassBoxes {
  std::vector<Judged> found;
  std::array<int64_t, kRanges> positives{};  // true boxes that count
};

template <class Box>
double area_of_corners(const Box& b) {
  return (b.right - b.left) * (b.bottom - b.top);
}

double area_of(const TrueBox& b) {
  return b.area < 0 ? area_of_corners(b) : b.area;
}

bool outside(double area, int range) {
  return area < kAreaRanges[range][0] || area > kAreaRanges[range][1];
}

double iou(const FoundBox& f, const TrueBox& t) {
  const double width = std::min(f.right, t.right) - std::max(f.left, t.left);
  const double height = std::min(f.bottom, t.bottom) - std::max(f.top, t.top);
  if (width <= 0 || height <= 0) return 0;
  const double shared = width * height, area = area_of_corners(f);
  return shared / (t.crowd ? area : area + area_of_corners(t) - shared);
}

// The boxes of one picture and class.
class Matcher {
 public:
  // `found` best first.
  void add(std::span<const FoundBox* const> found, std::span<const TrueBox* const> truth,
           ClassBoxes& out) {
    const size_t first = out.found.size();
    near_.resize(std::max(near_.size(), found.size()));
    for (size_t f = 0; f < found.size(); ++f) {
      out.found.push_back({.score = found[f]->score, .rank = static_cast<int>(f)});
      near_[f].clear();
      for (size_t t = 0; t < truth.size(); ++t) {
        const double overlap = iou(*found[f], *truth[t]);
        if (overlap >= kIou.front()) near_[f].push_back({t, overlap});
      }
    }
    for (int range = 0; range < kRanges; ++range) {
      ignored_.clear();
      for (const TrueBox* t : truth) {
        ignored_.push_back(t->crowd || t->ignored || outside(area_of(*t), range));
        out.positives[static_cast<size_t>(range)] += !ignored_.back();
      }
      for (int threshold = 0; threshold < kThresholds; ++threshold) {
        match(found, truth, range, threshold, std::span(out.found).subspan(first));
      }
    }
  }

 private:
  struct Near {
    size_t which = 0;
    double iou = 0;
  };
  static constexpr size_t kNone = std::numeric_limits<size_t>::max();

  void match(std::span<const FoundBox* const> found, std::span<const TrueBox* const> truth,
             int range, int threshold, std::span<Judged> judged) {
    taken_.assign(truth.size(), false);
    const auto bit = static_cast<uint16_t>(1 << threshold);
    const double least = kIou[static_cast<size_t>(threshold)];
    const auto at = static_cast<size_t>(range);
    for (size_t f = 0; f < found.size(); ++f) {
      size_t best = nearest(near_[f], truth, least, /*ignored=*/false);
      if (best != kNone) {
        judged[f].right[at] |= bit;
      } else {
        best = nearest(near_[f], truth, least, /*ignored=*/true);
        if (best == kNone && !outside(area_of_corners(*found[f]), range)) {
          judged[f].wrong[at] |= bit;
        }
      }
      if (best != kNone) taken_[best] = true;
    }
  }

  size_t nearest(const std::vector<Near>& near, std::span<const TrueBox* const> truth, double least,
                 bool ignored) const {
    size_t best = kNone;
    for (const Near& n : near) {
      const bool free = !taken_[n.which] || truth[n.which]->crowd;
      if (ignored_[n.which] != ignored || !free || n.iou < least) continue;
      least = n.iou;
      best = n.which;
    }
    return best;
  }

  std::vector<std::vector<Near>> near_;  // the true boxes that each found box may take
  std::vector<bool> ignored_, taken_;
};

// For each class, where its boxes are: pictures ascending.
template <class Box>
struct Place {
  size_t picture = 0;
  const Box* box = nullptr;
};
template <class Box>
std::vector<std::vector<Place<Box>>> by_class(const std::vector<std::vector<Box>>& pictures,
                                              int64_t classes) {
  std::vector<std::vector<Place<Box>>> out(static_cast<size_t>(classes));
  for (size_t i = 0; i < pictures.size(); ++i) {
    for (const Box& b : pictures[i]) out[static_cast<size_t>(b.label)].push_back({i, &b});
  }
  return out;
}

// Moves the boxes of `picture` from the front of `places` to `out`.
template <class Box>
void take(std::span<const Place<Box>>& places, size_t picture, std::vector<const Box*>& out) {
  out.clear();
  for (; !places.empty() && places[0].picture == picture; places = places.subspan(1)) {
    out.push_back(places[0].box);
  }
}

// The boxes of a class in all pictures, best score first.
ClassBoxes judge(std::span<const Place<FoundBox>> found, std::span<const Place<TrueBox>> truth,
                 Matcher& matcher) {
  ClassBoxes out;
  std::vector<const FoundBox*> found_here;
  std::vector<const TrueBox*> true_here;
  while (!found.empty() || !truth.empty()) {
    const size_t picture = found.empty()   ? truth[0].picture
                           : truth.empty() ? found[0].picture
                                           : std::min(found[0].picture, truth[0].picture);
    take(found, picture, found_here);
    take(truth, picture, true_here);
    std::stable_sort(found_here.begin(), found_here.end(),
                     [](const FoundBox* a, const FoundBox* b) { return a->score > b->score; });
    if (found_here.size() > kMostBoxes) found_here.resize(kMostBoxes);
    matcher.add(found_here, true_here, out);
  }
  std::stable_sort(out.found.begin(), out.found.end(),
                   [](const Judged& a, const Judged& b) { return a.score > b.score; });
  return out;
}

struct Curve {
  double ap = 0, recall = 0;
};

// Average precision and recall of the boxes ranked below `most` in their pictures; -1 without true
// boxes.
Curve curve(const ClassBoxes& boxes, int range, int threshold, int most,
            std::vector<double>& recall, std::vector<double>& precision) {
  const auto at = static_cast<size_t>(range);
  const auto positives = static_cast<double>(boxes.positives[at]);
  if (positives == 0) return {-1, -1};
  recall.clear();
  precision.clear();
  double right = 0, wrong = 0;
  for (const Judged& box : boxes.found) {
    const bool is_right = box.right[at] >> threshold & 1, is_wrong = box.wrong[at] >> threshold & 1;
    if (box.rank >= most || !(is_right || is_wrong)) continue;
    ++(is_right ? right : wrong);
    recall.push_back(right / positives);
    precision.push_back(right / (right + wrong));
  }
  for (size_t i = precision.size(); i-- > 1;) {
    precision[i - 1] = std::max(precision[i - 1], precision[i]);
  }
  double sum = 0;
  size_t i = 0;
  for (const double point : kRecall) {
    while (i < recall.size() && recall[i] < point) ++i;
    if (i < recall.size()) sum += precision[i];
  }
  return {sum / kRecallPoints, recall.empty() ? 0 : recall.back()};
}

// Means over thresholds of one class, -1 without true boxes.
struct ClassScores {
  std::array<double, kRanges> ap{}, ar{};  // in every range of areas
  double ap50 = 0, ap75 = 0, ar1 = 0, ar10 = 0;
  std::array<double, kThresholds> recall{};
};

ClassScores scores_of(const ClassBoxes& boxes) {
  ClassScores out;
  std::vector<double> recall, precision;
  for (int range = 0; range < kRanges; ++range) {
    double ap = 0, ar = 0;
    for (int t = 0; t < kThresholds; ++t) {
      const Curve c = curve(boxes, range, t, kMostBoxes, recall, precision);
      ap += c.ap, ar += c.recall;
      if (range != 0) continue;
      out.recall[static_cast<size_t>(t)] = c.recall;
      if (t == 0) out.ap50 = c.ap;
      if (t == 5) out.ap75 = c.ap;
      out.ar1 += curve(boxes, range, t, 1, recall, precision).recall;
      out.ar10 += curve(boxes, range, t, 10, recall, precision).recall;
    }
    out.ap[static_cast<size_t>(range)] = ap / kThresholds;
    out.ar[static_cast<size_t>(range)] = ar / kThresholds;
  }
  out.ar1 /= kThresholds;
  out.ar10 /= kThresholds;
  return out;
}

// Over the classes that have a true box.
template <class Get>
double mean_over_classes(const std::vector<ClassScores>& classes, const Get& get) {
  double sum = 0, count = 0;
  for (const ClassScores& c : classes) {
    if (get(c) < 0) continue;
    sum += get(c);
    ++count;
  }
  return count > 0 ? sum / count : -1;
}

// What is wrong with the numbers of a box; empty if nothing is.
std::string fault(const FoundBox& b) {
  if (std::isfinite(b.left + b.top + b.right + b.bottom + b.score)) return {};
  return fmt::format("{} {} {} {} of score {}", b.left, b.top, b.right, b.bottom, b.score);
}

std::string fault(const TrueBox& b) {
  const bool finite = std::isfinite(b.left + b.top + b.right + b.bottom + b.area);
  if (finite && b.left <= b.right && b.top <= b.bottom) return {};
  return fmt::format("{} {} {} {} of area {}", b.left, b.top, b.right, b.bottom, b.area);
}

template <class Box>
void check(const std::vector<std::vector<Box>>& pictures, int64_t classes, const char* name) {
  for (size_t i = 0; i < pictures.size(); ++i) {
    for (const Box& b : pictures[i]) {
      const bool known = b.label >= 0 && b.label < classes;
      const std::string wrong = known ? fault(b) : fmt::format("label {}", b.label);
      if (wrong.empty()) continue;
      throw Error(ErrorKind::data,
                  {.what = fmt::format("{} of picture {}", name, i),
                   .got = wrong,
                   .expected = fmt::format("finite numbers, left <= right, top <= bottom and a "
                                           "label of 0 .. {}",
                                           classes - 1)});
    }
  }
}

}  // namespace

DetectionScores detection_scores(const std::vector<std::vector<FoundBox>>& found,
                                 const std::vector<std::vector<TrueBox>>& truth, int64_t classes) {
  if (found.size() != truth.size() || classes < 1) {
    throw Error(ErrorKind::data, {.what = "found and true boxes",
                                  .got = fmt::format("{} and {} pictures, {} classes", found.size(),
                                                     truth.size(), classes),
                                  .expected = "both of the same pictures, at least one class"});
  }
  check(found, classes, "found box");
  check(truth, classes, "true box");
  const auto found_of = by_class(found, classes);
  const auto truth_of = by_class(truth, classes);
  DetectionScores out;
  std::vector<ClassScores> all;
  Matcher matcher;
  for (size_t c = 0; c < static_cast<size_t>(classes); ++c) {
    all.push_back(scores_of(judge(found_of[c], truth_of[c], matcher)));
    out.class_ap.push_back(all[c].ap[0]);
    out.class_ap50.push_back(all[c].ap50);
    out.class_ap75.push_back(all[c].ap75);
    out.class_ar100.push_back(all[c].ar[0]);
    out.class_recall.push_back(all[c].recall);
  }
  const auto ap = [&](size_t range) {
    return mean_over_classes(all, [&](const ClassScores& c) { return c.ap[range]; });
  };
  const auto ar = [&](size_t range) {
    return mean_over_classes(all, [&](const ClassScores& c) { return c.ar[range]; });
  };
  out.ap = ap(0);
  out.ap50 = mean_over_classes(all, [](const ClassScores& c) { return c.ap50; });
  out.ap75 = mean_over_classes(all, [](const ClassScores& c) { return c.ap75; });
  out.ap_small = ap(1), out.ap_medium = ap(2), out.ap_large = ap(3);
  out.ar1 = mean_over_classes(all, [](const ClassScores& c) { return c.ar1; });
  out.ar10 = mean_over_classes(all, [](const ClassScores& c) { return c.ar10; });
  out.ar100 = ar(0);
  out.ar_small = ar(1), out.ar_medium = ar(2), out.ar_large = ar(3);
  return out;
}

}  // namespace vistas::measure
