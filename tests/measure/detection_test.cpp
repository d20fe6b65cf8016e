#include "vistas/measure/detection.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "vistas/base/error.h"

namespace vistas::measure {
namespace {

using Found = std::vector<std::vector<FoundBox>>;
using Truth = std::vector<std::vector<TrueBox>>;

constexpr double kNear = 1e-12;

FoundBox found(double left, double right, double score, int64_t label = 0) {
  return {left, 0, right, 10, label, score};
}
TrueBox truth(double left, double right, int64_t label = 0) {
  return {.left = left, .top = 0, .right = right, .bottom = 10, .label = label};
}
TrueBox crowd(double left, double right) {
  TrueBox box = truth(left, right);
  box.crowd = true;
  return box;
}
TrueBox ignored(double left, double right) {
  TrueBox box = truth(left, right);
  box.ignored = true;
  return box;
}

TEST(Detection, OnePerfectBox) {
  const auto s = detection_scores({{{10, 10, 50, 50, 0, 0.3}}}, {{{10, 10, 50, 50, 0}}}, 2);
  for (const double v :
       {s.ap, s.ap50, s.ap75, s.ap_medium, s.ar1, s.ar10, s.ar100, s.ar_medium, s.class_ap[0],
        s.class_ap50[0], s.class_ap75[0], s.class_ar100[0], s.class_recall[0][9]}) {
    EXPECT_NEAR(v, 1, kNear);
  }
  for (const double v : {s.ap_small, s.ap_large, s.ar_small, s.ar_large, s.class_ap[1],
                         s.class_ap50[1], s.class_ar100[1], s.class_recall[1][0]}) {
    EXPECT_EQ(v, -1);
  }
}

TEST(Detection, ASecondBoxOfAnObjectIsWrong) {
  const auto s = detection_scores({{found(0, 10, 0.9), found(0, 10, 0.8), found(50, 60, 0.7)}},
                                  {{truth(0, 10), truth(50, 60)}}, 1);
  EXPECT_NEAR(s.ap, (51 + 50 * 2.0 / 3) / 101, kNear);  // recall 0.5 is reached at precision 1
  EXPECT_NEAR(s.ar100, 1, kNear);
  EXPECT_NEAR(s.ar1, 0.5, kNear);
}

TEST(Detection, AnOverlapCountsUpToItsThreshold) {
  const auto s = detection_scores({{found(0, 6.2, 1)}}, {{truth(0, 10)}}, 1);
  EXPECT_NEAR(s.ap, 0.3, kNear);
  EXPECT_NEAR(s.ar100, 0.3, kNear);
  EXPECT_NEAR(s.ap50, 1, kNear);
  EXPECT_EQ(s.ap75, 0);
  EXPECT_EQ(s.class_recall[0][2], 1);
  EXPECT_EQ(s.class_recall[0][3], 0);
}

TEST(Detection, ACrowdTakesAnyNumberOfBoxes) {
  const Found boxes = {
      {found(100, 110, 0.9), found(120, 130, 0.8), found(100, 110, 0.7), found(0, 10, 0.5)}};
  EXPECT_NEAR(detection_scores(boxes, {{truth(0, 10), crowd(90, 200)}}, 1).ap, 1, kNear);
  EXPECT_NEAR(detection_scores(boxes, {{truth(0, 10), truth(90, 200)}}, 1).ap, 51 * 0.25 / 101,
              kNear);
  const auto only = detection_scores(boxes, {{crowd(0, 10), crowd(90, 200)}}, 1);
  EXPECT_EQ(only.ap, -1);
  EXPECT_EQ(only.ar100, -1);
}

TEST(Detection, AnIgnoredBoxTakesOneByItsUnion) {
  const Truth boxes = {{truth(0, 10), ignored(100, 200)}};
  const auto ap = [&](std::vector<FoundBox> of_ignored) {
    of_ignored.push_back(found(0, 10, 0.5));
    return detection_scores({of_ignored}, boxes, 1).ap;
  };
  EXPECT_NEAR(ap({}), 1, kNear);
  EXPECT_NEAR(ap({found(100, 200, 0.9)}), 1, kNear);
  EXPECT_NEAR(ap({found(100, 200, 0.9), found(100, 200, 0.8)}), 0.5, kNear);
  EXPECT_NEAR(ap({found(100, 120, 0.9)}), 0.5, kNear);  // a crowd would have taken it
}

TEST(Detection, AnIgnoredBoxIsTheLastChoice) {
  const auto s = detection_scores({{found(0, 10, 0.9)}}, {{ignored(0, 10), truth(0, 16)}}, 1);
  EXPECT_NEAR(s.ap50, 1, kNear);  // though the ignored one overlaps more
  EXPECT_EQ(s.ap75, 0);
  EXPECT_NEAR(s.ap, 0.3, kNear);
}

TEST(Detection, OfEqualOverlapsTheLastIsTaken) {
  const Found boxes = {{found(2, 12, 0.9), found(0, 10, 0.8)}};
  EXPECT_NEAR(detection_scores(boxes, {{truth(0, 10), truth(4, 14)}}, 1).ap50, 1, kNear);
  EXPECT_NEAR(detection_scores(boxes, {{truth(4, 14), truth(0, 10)}}, 1).ap50, 51.0 / 101, kNear);
}

TEST(Detection, EqualScoresKeepTheirOrder) {
  const Truth one = {{truth(0, 10)}};
  EXPECT_NEAR(detection_scores({{found(0, 10, 0.5), found(50, 60, 0.5)}}, one, 1).ap, 1, kNear);
  EXPECT_NEAR(detection_scores({{found(50, 60, 0.5), found(0, 10, 0.5)}}, one, 1).ap, 0.5, kNear);
  const Found two = {{found(50, 60, 0.5)}, {found(0, 10, 0.5)}};
  EXPECT_NEAR(detection_scores(two, {{}, {truth(0, 10)}}, 1).ap, 0.5, kNear);
  EXPECT_NEAR(detection_scores(two, {{truth(50, 60)}, {}}, 1).ap, 1, kNear);
}

TEST(Detection, PicturesWithoutBoxes) {
  for (const auto& s : {detection_scores({}, {}, 3), detection_scores({{}, {}}, {{}, {}}, 3),
                        detection_scores({{found(0, 10, 1)}}, {{}}, 3)}) {
    for (const double v : {s.ap, s.ap50, s.ap75, s.ap_small, s.ap_medium, s.ap_large, s.ar1, s.ar10,
                           s.ar100, s.ar_small, s.ar_medium, s.ar_large}) {
      EXPECT_EQ(v, -1);
    }
    EXPECT_EQ(s.class_ap, std::vector<double>(3, -1));
  }
  const auto missed = detection_scores({{}, {}}, {{}, {truth(0, 10, 1)}}, 2);
  EXPECT_EQ(missed.ap, 0);
  EXPECT_EQ(missed.ar100, 0);
  EXPECT_EQ(missed.class_ap, (std::vector<double>{-1, 0}));
  // A box in a picture without any is as wrong as elsewhere.
  const auto s =
      detection_scores({{found(0, 10, 0.9)}, {found(0, 10, 0.8)}, {}}, {{}, {truth(0, 10)}, {}}, 1);
  EXPECT_NEAR(s.ap, 0.5, kNear);
}

TEST(Detection, OnlyAHundredBoxesOfAPictureAndClassCount) {
  const auto scores = [](int better) {
    std::vector<FoundBox> boxes = {found(0, 10, 0.001), found(0, 10, 0.5, 1)};
    for (int i = 0; i < better; ++i) boxes.push_back(found(50, 60, 0.9));
    return detection_scores({boxes}, {{truth(0, 10), truth(0, 10, 1)}}, 2);
  };
  EXPECT_NEAR(scores(99).class_ap[0], 0.01, kNear);
  EXPECT_NEAR(scores(99).class_ar100[0], 1, kNear);
  EXPECT_NEAR(scores(99).ar10, 0.5, kNear);
  EXPECT_NEAR(scores(9).ar10, 1, kNear);
  EXPECT_NEAR(scores(9).ar1, 0.5, kNear);
  EXPECT_EQ(scores(100).class_ap[0], 0);
  EXPECT_EQ(scores(100).class_ar100[0], 0);
  EXPECT_NEAR(scores(100).class_ap[1], 1, kNear);
}

TEST(Detection, SizesByTheAreaOfTheObject) {
  TrueBox thin = {0, 0, 100, 100, 0};
  thin.area = 50;
  const FoundBox hit = {0, 0, 100, 100, 0, 0.5};
  const auto s = detection_scores({{hit}}, {{thin}}, 1);
  EXPECT_NEAR(s.ap_small, 1, kNear);
  EXPECT_EQ(s.ap_large, -1);
  thin.area = 1024;  // both ranges hold their bound
  EXPECT_NEAR(detection_scores({{hit}}, {{thin}}, 1).ap_small, 1, kNear);
  EXPECT_NEAR(detection_scores({{hit}}, {{thin}}, 1).ap_medium, 1, kNear);
  // A large box that hit nothing says nothing about small ones.
  const Found two = {{{200, 200, 400, 400, 0, 0.9}, found(0, 10, 0.5)}};
  const auto mixed = detection_scores(two, {{truth(0, 10)}}, 1);
  EXPECT_NEAR(mixed.ap, 0.5, kNear);
  EXPECT_NEAR(mixed.ap_small, 1, kNear);
  EXPECT_EQ(mixed.ap_large, -1);
}

TEST(Detection, ClassesAreApart) {
  const auto s = detection_scores({{found(0, 10, 0.9, 1), found(50, 60, 0.8, 1)}},
                                  {{truth(0, 10, 1), truth(50, 60, 0)}}, 3);
  EXPECT_EQ(s.class_ap[0], 0);
  EXPECT_NEAR(s.class_ap[1], 1, kNear);
  EXPECT_EQ(s.class_ap[2], -1);
  EXPECT_NEAR(s.ap, 0.5, kNear);
}

void expect_refused(const Found& found, const Truth& truth, const std::string& part) {
  try {
    detection_scores(found, truth, 2);
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::data);
    EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
  }
}

TEST(Detection, RefusesWhatHasNoMeaning) {
  expect_refused({{}}, {}, "1 and 0 pictures");
  expect_refused({{}, {found(0, 1, 1, 2)}}, {{}, {}}, "found box of picture 1: got label 2");
  expect_refused({{}}, {{truth(0, 1, -1)}}, "true box of picture 0: got label -1");
  expect_refused({{found(0, 1, std::nan(""))}}, {{}}, "score nan");
  expect_refused({{found(0, INFINITY, 1)}}, {{}}, "inf");
  expect_refused({{}}, {{truth(2, 1)}}, "2 0 1 10");
}

}  // namespace
}  // namespace vistas::measure
