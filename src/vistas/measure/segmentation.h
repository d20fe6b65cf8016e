// How well the classes predicted for pixels agree with the true ones.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace vistas::measure {

// With n_ij the pixels of true class i that were predicted as j:
//
//   IoU_i = n_ii / (sum_j n_ij + sum_j n_ji - n_ii), accuracy_i = n_ii / sum_j n_ij
//
// Every value is 0 .. 1, or -1 where there is nothing to divide by.
struct SegmentationScores {
  double miou = -1;                 // mean IoU of the classes that are true or predicted somewhere
  double pixel_accuracy = -1;       // sum_i n_ii / sum_ij n_ij
  double mean_class_accuracy = -1;  // of the classes that are true somewhere
  std::vector<double> class_iou, class_accuracy;
};

// Counts pixels by true and predicted class, picture after picture: means over a whole set of
// pictures, as Pascal VOC has them, and not means of pictures.
// Everingham et al., "The Pascal Visual Object Classes Challenge: a retrospective", IJCV 2015.
class ConfusionMatrix {
 public:
  // Classes 0 .. classes - 1, at most 256. Pixels whose true value is `ignore` do not count,
  // whatever was predicted; -1: all count. A usage error for other numbers.
  ConfusionMatrix(int64_t classes, int64_t ignore);

  // Data errors: lengths that differ; values of pixels that count outside the classes. Nothing is
  // counted then.
  void add(std::span<const uint8_t> truth, std::span<const uint8_t> predicted);

  int64_t classes() const { return classes_; }
  int64_t count(int64_t truth, int64_t predicted) const {
    return counts_[static_cast<size_t>(truth * classes_ + predicted)];
  }
  SegmentationScores scores() const;

 private:
  int64_t classes_ = 0, ignore_ = -1;
  std::vector<int64_t> counts_;  // [classes, classes], rows of true classes
};

}  // namespace vistas::measure
