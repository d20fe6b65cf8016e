// How well found boxes agree with the true ones: the measures of COCO.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace vistas::measure {

// Corners in pixels, continuous: a box from 0 to 10 is 10 wide.
struct FoundBox {
  double left = 0, top = 0, right = 0, bottom = 0;
  int64_t label = 0;
  double score = 0;
};

struct TrueBox {
  double left = 0, top = 0, right = 0, bottom = 0;
  int64_t label = 0;
  double area = -1;      // of the object itself, which tells its size; < 0: width * height
  bool crowd = false;    // a region of many: takes any number of found boxes, none of which count
  bool ignored = false;  // "difficult" of Pascal VOC: takes one found box, which does not count
};

constexpr int kDetectionThresholds = 10;  // of IoU: 0.50, 0.55 .. 0.95

// Every value is 0 .. 1, or -1 where there is no true box that counts.
struct DetectionScores {
  double ap = -1;  // mean of average precision over thresholds and classes
  double ap50 = -1, ap75 = -1;
  double ap_small = -1, ap_medium = -1, ap_large = -1;  // areas up to 32^2, up to 96^2, above
  double ar1 = -1, ar10 = -1, ar100 = -1;  // recall, with so many boxes a picture and class
  double ar_small = -1, ar_medium = -1, ar_large = -1;
  // Of each class.
  std::vector<double> class_ap, class_ap50, class_ap75, class_ar100;
  std::vector<std::array<double, kDetectionThresholds>> class_recall;  // at each threshold
};

// found[i] and truth[i] are the boxes of picture i, in any order; classes are numbered from 0.
//
//   IoU = intersection / union; with a crowd region intersection / area of the found box
//   recall_k = TP_k / true boxes, precision_k = TP_k / (TP_k + FP_k) of the k boxes of best score
//   AP = 1/101 sum over r in {0, 0.01 .. 1} of max {precision_k : recall_k >= r}, 0 beyond the last
//   AR = mean over thresholds and classes of the recall of all boxes
//
// The 100 boxes of best score of each picture and class take, best first, the free true box of
// largest IoU that reaches the threshold; of equal ones the last; an ignored or crowd one only if
// there is no other. Equal scores keep the order of pictures and of boxes. For a range of areas,
// bounds included, true boxes outside it are ignored, and so are found boxes outside it that took
// none. The values are those of pycocotools' COCOeval for boxes.
//
// Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014, and its evaluation code.
//
// Data errors: numbers of pictures that differ, labels that are not below `classes`, coordinates
// and scores that are not finite, true boxes of negative width or height.
DetectionScores detection_scores(const std::vector<std::vector<FoundBox>>& found,
                                 const std::vector<std::vector<TrueBox>>& truth, int64_t classes);

}  // namespace vistas::measure
