#include "vistas/measure/segmentation.h"

#include <gtest/gtest.h>

#include <string>

#include "vistas/base/error.h"

namespace vistas::measure {
namespace {

using Pixels = std::vector<uint8_t>;

SegmentationScores scores(int64_t classes, const Pixels& truth, const Pixels& predicted) {
  ConfusionMatrix matrix(classes, 255);
  matrix.add(truth, predicted);
  return matrix.scores();
}

TEST(Segmentation, Perfect) {
  const auto s = scores(2, {0, 1, 1, 0}, {0, 1, 1, 0});
  EXPECT_EQ(s.miou, 1);
  EXPECT_EQ(s.pixel_accuracy, 1);
  EXPECT_EQ(s.mean_class_accuracy, 1);
}

TEST(Segmentation, CountsByHand) {
  // Class 2 is predicted but nowhere true, class 3 is in neither.
  const auto s = scores(4, {0, 0, 0, 1, 1, 0}, {0, 0, 1, 1, 2, 2});
  EXPECT_EQ(s.class_iou, (std::vector<double>{0.5, 1.0 / 3, 0, -1}));
  EXPECT_EQ(s.class_accuracy, (std::vector<double>{0.5, 0.5, -1, -1}));
  EXPECT_DOUBLE_EQ(s.miou, (0.5 + 1.0 / 3) / 3);
  EXPECT_DOUBLE_EQ(s.pixel_accuracy, 0.5);
  EXPECT_DOUBLE_EQ(s.mean_class_accuracy, 0.5);
}

TEST(Segmentation, IgnoredPixelsDoNotCount) {
  const auto s = scores(2, {0, 255, 255, 1}, {0, 1, 77, 1});
  EXPECT_EQ(s.miou, 1);
  ConfusionMatrix all(2, -1);
  EXPECT_THROW(all.add(Pixels{255}, Pixels{0}), Error);
}

TEST(Segmentation, PicturesAddUp) {
  ConfusionMatrix matrix(2, 255);
  matrix.add(Pixels{0, 0, 1}, Pixels{0, 1, 1});
  matrix.add(Pixels{}, Pixels{});
  matrix.add(Pixels{1}, Pixels{0});
  EXPECT_EQ(matrix.count(0, 0), 1);
  EXPECT_EQ(matrix.count(0, 1), 1);
  EXPECT_EQ(matrix.count(1, 0), 1);
  EXPECT_EQ(matrix.count(1, 1), 1);
  EXPECT_DOUBLE_EQ(matrix.scores().miou, 1.0 / 3);
}

TEST(Segmentation, NothingCounted) {
  const auto s = scores(2, {255}, {0});
  EXPECT_EQ(s.miou, -1);
  EXPECT_EQ(s.pixel_accuracy, -1);
  EXPECT_EQ(s.mean_class_accuracy, -1);
  EXPECT_EQ(s.class_iou, (std::vector<double>{-1, -1}));
}

TEST(Segmentation, AllValuesOfAByte) {
  ConfusionMatrix matrix(256, -1);
  matrix.add(Pixels{255, 255}, Pixels{255, 0});
  EXPECT_EQ(matrix.count(255, 255), 1);
  EXPECT_DOUBLE_EQ(matrix.scores().class_iou[255], 0.5);
}

void expect_refused(const Pixels& truth, const Pixels& predicted, const std::string& part) {
  ConfusionMatrix matrix(3, 255);
  try {
    matrix.add(truth, predicted);
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::data);
    EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
  }
  EXPECT_EQ(matrix.scores().pixel_accuracy, -1);  // nothing was counted
}

TEST(Segmentation, RefusesValuesOutsideTheClasses) {
  expect_refused({0, 7}, {0, 0}, "true class of pixel 1: got 7, expected 0 .. 2, or 255");
  expect_refused({0, 1}, {0, 255}, "predicted class of pixel 1: got 255");
  expect_refused({0}, {0, 0}, "1 and 2");
  EXPECT_THROW(ConfusionMatrix(0, 255), Error);
  EXPECT_THROW(ConfusionMatrix(257, -1), Error);
  EXPECT_THROW(ConfusionMatrix(3, 256), Error);
}

}  // namespace
}  // namespace vistas::measure
