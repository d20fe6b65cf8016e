// What places of a detector should answer, by hand; its losses; and a detector that learns.
#include "vistas/vision/methods/fcos.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "support/errors.h"
#include "support/rows.h"
#include "support/temp_folder.h"
#include "vistas/learn/trainer.h"
#include "vistas/measure/detection.h"
#include "vistas/vision/sources/encode.h"
#include "vistas/vision/tasks/dense_bundle.h"

namespace vistas::vision {
namespace {

// Of a picture of 256 x 256 pixels.
const std::vector<Level> kLevels{{8, 32, 32}, {16, 16, 16}, {32, 8, 8}, {64, 4, 4}, {128, 2, 2}};

struct Row {
  double label, left, top, right, bottom;
};

at::Tensor boxes_of(const std::vector<std::vector<Row>>& pictures) {
  size_t most = 1;
  for (const auto& rows : pictures) most = std::max(most, rows.size());
  at::Tensor boxes = at::full(
      {static_cast<int64_t>(pictures.size()), static_cast<int64_t>(most), 5}, -1.0, at::kFloat);
  for (size_t b = 0; b < pictures.size(); ++b) {
    for (size_t m = 0; m < pictures[b].size(); ++m) {
      const Row& r = pictures[b][m];
      boxes[static_cast<int64_t>(b)][static_cast<int64_t>(m)] =
          at::tensor({r.label, r.left, r.top, r.right, r.bottom}).to(at::kFloat);
    }
  }
  return boxes;
}

Row square(double label, double x, double y, double half) {
  return {label, x - half, y - half, x + half, y + half};
}

// Level, row and column of the places that answer `label`.
using Place = std::array<int64_t, 3>;
std::vector<Place> answering(const PlaceTargets& targets, int64_t label, int64_t picture = 0) {
  std::vector<Place> found;
  int64_t p = 0;
  for (size_t l = 0; l < kLevels.size(); ++l) {
    for (int64_t row = 0; row < kLevels[l].height; ++row) {
      for (int64_t column = 0; column < kLevels[l].width; ++column, ++p) {
        if (targets.label[picture][p].item<int64_t>() == label) {
          found.push_back({static_cast<int64_t>(l), row, column});
        }
      }
    }
  }
  EXPECT_EQ(p, targets.label.size(1));
  return found;
}

std::vector<Place> block(int64_t level, int64_t row, int64_t column, int64_t side) {
  std::vector<Place> places;
  for (int64_t y = row; y < row + side; ++y) {
    for (int64_t x = column; x < column + side; ++x) places.push_back({level, y, x});
  }
  return places;
}

std::vector<Place> operator+(std::vector<Place> a, const std::vector<Place>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

PlaceTargets assign(const std::vector<Row>& rows, double radius = 1.5) {
  return assign_places(kLevels, boxes_of({rows}), radius);
}

TEST(PlacesOf, AreMiddlesLevelByLevelRowByRow) {
  const Places places = places_of({{8, 2, 3}, {16, 1, 2}});
  EXPECT_TRUE(at::equal(places.middle, at::tensor({4.F, 4.F, 12.F, 4.F, 20.F, 4.F, 4.F, 12.F, 12.F,
                                                   12.F, 20.F, 12.F, 8.F, 8.F, 24.F, 8.F})
                                           .view({8, 2})));
  EXPECT_TRUE(at::equal(places.stride, at::tensor({8.F, 8.F, 8.F, 8.F, 8.F, 8.F, 16.F, 16.F})));
}

// The farthest side is exactly 8 strides of the finest level away from its place in the middle.
TEST(AssignPlaces, LargestDistanceOfALevelBelongsToIt) {
  EXPECT_EQ(answering(assign({square(3, 124, 124, 64)}), 3),
            block(0, 15, 15, 1) + block(1, 6, 6, 3));
  EXPECT_EQ(answering(assign({square(3, 124, 124, 64.25)}), 3), block(1, 6, 6, 3));
  // Of the coarser level's places only the one with a farthest side of exactly 64 is not for it.
  std::vector<Place> others = block(1, 6, 6, 3);
  std::erase(others, Place{1, 7, 7});
  EXPECT_EQ(answering(assign({square(3, 124, 124, 60)}), 3), block(0, 15, 15, 1) + others);
}

TEST(AssignPlaces, CoarsestLevelTakesWhatIsLargerFinestWhatIsSmaller) {
  // 128 pixels are too far for stride 8, and exactly enough for stride 16 but off the middle.
  EXPECT_EQ(answering(assign({{2, 0, 0, 256, 256}}), 2), block(2, 2, 2, 4));
  EXPECT_EQ(answering(assign({{2, -3000, -3000, 3256, 3256}}), 2), block(4, 0, 0, 2));
  EXPECT_EQ(answering(assign({square(2, 100, 100, 1)}), 2), block(0, 12, 12, 1));
}

TEST(AssignPlaces, RadiusIsInStridesAndItsBorderCounts) {
  const Row box = square(0, 100, 108, 20);  // the middle of place (13, 12) of the finest level
  EXPECT_EQ(answering(assign({box}, 0.5), 0), block(0, 13, 12, 1));
  EXPECT_EQ(answering(assign({box}, 0.99), 0), block(0, 13, 12, 1));
  EXPECT_EQ(answering(assign({box}, 1), 0), block(0, 12, 11, 3));
  // A larger radius reaches no place outside of the box.
  EXPECT_EQ(answering(assign({box}, 50), 0), block(0, 11, 10, 5));
  // Nor one on its side.
  EXPECT_EQ(answering(assign({square(0, 100, 108, 16)}, 50), 0), block(0, 12, 11, 3));
}

TEST(AssignPlaces, SmallestOfSeveralBoxesCounts) {
  const Row large{1, 70, 90, 130, 122}, small = square(0, 100, 108, 14);
  for (const auto& rows : {std::vector<Row>{large, small}, std::vector<Row>{small, large}}) {
    const PlaceTargets both = assign(rows, 4);
    EXPECT_EQ(answering(both, 0), block(0, 12, 11, 3));
    for (const Place& place : answering(assign({small}, 4), 0)) {
      const int64_t p = place[1] * 32 + place[2];
      EXPECT_TRUE(at::equal(both.sides[0][p], assign({small}, 4).sides[0][p]));
    }
    const auto alone = answering(assign({large}, 4), 1), shared = answering(both, 1);
    EXPECT_EQ(shared.size(), alone.size() - 9);
    EXPECT_TRUE(std::includes(alone.begin(), alone.end(), shared.begin(), shared.end()));
  }
}

TEST(AssignPlaces, SidesAreDistancesInPixels) {
  const PlaceTargets targets = assign({{5, 90, 100, 117, 113}}, 1);
  const int64_t p = 13 * 32 + 12;  // at (100, 108)
  EXPECT_TRUE(at::equal(targets.sides[0][p], at::tensor({10.F, 8.F, 17.F, 5.F})));
  const at::Tensor found = targets.label.ge(0);
  EXPECT_TRUE(at::equal(targets.sides.ne(0).any(2), found));
}

TEST(AssignPlaces, PlacesOfARegionDoNotCountUnlessTheyHaveAnObject) {
  const Row region{static_cast<double>(kRegion), 64, 64, 128, 128};
  const PlaceTargets targets = assign({region, square(1, 100, 100, 6), {-1, 0, 0, 256, 256}});
  std::vector<Place> inside =
      block(0, 8, 8, 8) + block(1, 4, 4, 4) + block(2, 2, 2, 2) + block(3, 1, 1, 1);
  std::erase(inside, Place{0, 12, 12});
  EXPECT_EQ(answering(targets, kRegion), inside);
  EXPECT_EQ(answering(targets, 1), block(0, 12, 12, 1));
  EXPECT_EQ(answering(targets, kNoBox).size(), 1364 - inside.size() - 1);
}

TEST(AssignPlaces, BoxesBetweenAllPlacesAndPaddingAreNobodys) {
  const PlaceTargets targets = assign_places(
      kLevels, boxes_of({{{0, 97, 97, 99.5, 99.5}}, {square(4, 100, 100, 4)}, {}}), 1.5);
  EXPECT_TRUE(targets.label[0].eq(kNoBox).all().item<bool>());
  EXPECT_EQ(answering(targets, 4, 1), block(0, 12, 12, 1));
  EXPECT_TRUE(targets.label[2].eq(kNoBox).all().item<bool>());
  EXPECT_EQ(targets.sides[0].abs().max().item<float>(), 0);
}

TEST(Centreness, ByHand) {
  const at::Tensor sides = matrix({1, 1, 1, 1, 1, 2, 4, 2, 3, 8, 1, 2, 0, 1, 5, 1}, 4);
  EXPECT_TRUE(at::allclose(centreness_of(sides),
                           at::tensor({1.0, 0.5, std::sqrt(1.0 / 12), 0.0}, at::kDouble)));
}

TEST(FocalLoss, IsItsFormula) {
  const at::Tensor logits = random(4, 3, 1) * 3;
  const at::Tensor target = random(4, 3, 2).gt(0).to(at::kDouble);
  for (const auto& [alpha, gamma] : {std::pair(0.25, 2.0), {0.9, 0.5}, {0.5, 0.0}}) {
    double want = 0;
    for (int64_t i = 0; i < 12; ++i) {
      const double p = 1 / (1 + std::exp(-logits.view(-1)[i].item<double>()));
      const bool right = target.view(-1)[i].item<double>() > 0;
      const double p_t = right ? p : 1 - p, alpha_t = right ? alpha : 1 - alpha;
      want -= alpha_t * std::pow(1 - p_t, gamma) * std::log(p_t);
    }
    EXPECT_NEAR(focal_loss(logits, target, alpha, gamma).item<double>(), want, 1e-12);
  }
}

TEST(FocalLoss, GradientIsCentralDifferences) {
  const at::Tensor target = random(4, 3, 2).gt(0).to(at::kDouble);
  for (const double gamma : {0.0, 0.5, 2.0}) {
    at::Tensor logits = random(4, 3, 1) * 3;
    const auto value = [&] { return focal_loss(logits, target, 0.25, gamma); };
    logits.set_requires_grad(true);
    value().backward();
    expect_central_differences(value, logits.detach(), logits.grad());
  }
}

TEST(FocalLoss, IsFiniteWhereEverythingIsCertain) {
  for (const double gamma : {0.0, 0.5, 2.0}) {
    at::Tensor logits = at::tensor({200.F, -200.F, 30.F, -30.F, 200.F, -200.F});
    logits.set_requires_grad(true);
    const at::Tensor target = at::tensor({1.F, 0.F, 1.F, 0.F, 0.F, 1.F});
    const at::Tensor loss = focal_loss(logits, target, 0.25, gamma);
    EXPECT_NEAR(loss.item<float>(), 200, 1e-3);
    loss.backward();
    EXPECT_TRUE(
        at::allclose(logits.grad(), at::tensor({0.F, 0.F, 0.F, 0.F, 0.75F, -0.25F}), 1e-5, 1e-6))
        << gamma << logits.grad();
  }
}

TEST(GiouLoss, ByHand) {
  const at::Tensor target = matrix({2, 3, 1, 4,   // the same
                                    2, 2, 0, 0,   // they touch in a corner
                                    1, 1, 1, 1,   // inside
                                    1, 1, 3, 1,   // beside, and
                                    1, 2, 1, 2},  // across
                                   4);
  const at::Tensor sides = matrix({2, 3, 1, 4,  //
                                   0, 0, 2, 2,  //
                                   2, 2, 2, 2,  //
                                   3, 1, 1, 1,  //
                                   2, 1, 2, 1},
                                  4);
  // GIoU = IoU - (hull - union) / hull: 1; 0 - 8 / 16; 4 / 16; 4 / 12; 4 / 12 - 4 / 16.
  const at::Tensor want =
      at::tensor({0.0, 1.5, 0.75, 1 - 1.0 / 3, 1 - (1.0 / 3 - 0.25)}, at::kDouble);
  EXPECT_TRUE(at::allclose(giou_loss(sides, target), want)) << giou_loss(sides, target);
  EXPECT_TRUE(at::allclose(giou_loss(target, sides), want));
}

TEST(GiouLoss, GradientIsCentralDifferences) {
  const at::Tensor target = random(6, 4, 3).exp();
  at::Tensor sides = random(6, 4, 4).exp();
  const auto value = [&] { return giou_loss(sides, target).sum(); };
  sides.set_requires_grad(true);
  value().backward();
  expect_central_differences(value, sides.detach(), sides.grad());
}

// ---- the method ----

DenseOptions tiny(int64_t classes) {
  DenseOptions options;
  options.encoder = {.name = "resnet18", .channels = 3, .width = 8};
  options.head = {.channels = 16, .convolutions = 1, .levels = 3};
  for (int64_t c = 0; c < classes; ++c) options.class_names.push_back(fmt::format("c{}", c));
  return options;
}

std::shared_ptr<Detector> detector(int64_t classes, uint64_t seed = 1) {
  return std::dynamic_pointer_cast<Detector>(make_dense_network(tiny(classes), seed));
}

learn::Batch batch_of(const at::Tensor& boxes) {
  at::Generator noise = learn::initial_values(5);
  learn::Batch batch;
  batch.views = {{{{"pixels", at::randn({boxes.size(0), 3, 64, 64}, noise)}, {"boxes", boxes}}}};
  return batch;
}

// The answers that make loss() as small as it gets, of P places.
at::Tensor perfect(const PlaceTargets& targets, int64_t classes) {
  const at::Tensor label = targets.label.unsqueeze(2);
  const at::Tensor right = label.eq(at::arange(classes)).to(at::kFloat);
  const at::Tensor centreness =
      at::where(label.ge(0), at::logit(centreness_of(targets.sides), 1e-6).unsqueeze(2), 0.0);
  return at::cat({right * 200 - 100, targets.sides, centreness}, 2);
}

TEST(Fcos, LossOfRightAnswersIsWhatCentrenessLeaves) {
  Fcos method(detector(2), {}, 1);
  const learn::Batch batch =
      batch_of(boxes_of({{{1, 6, 8, 30, 28}, {-2, 40, 40, 64, 64}}, {{0, 20, 3, 60, 35}}}));
  learn::Embeddings z = method.embed(batch);
  const std::vector<Level> levels = detector(2)->levels(64, 64);
  const PlaceTargets targets = assign_places(levels, z.fixed[0], 1.5);
  EXPECT_EQ(z.live[0].sizes(), at::IntArrayRef({2, 84, 7}));
  const at::Tensor c = centreness_of(targets.sides).masked_select(targets.label.ge(0));
  const double entropy =
      -at::special_xlogy(c, c).add(at::special_xlogy(1 - c, 1 - c)).mean().item<double>();
  z.live[0] = perfect(targets, 2);
  EXPECT_NEAR(method.loss(z, batch).item<double>(), entropy, 1e-4);

  // Places of a region may say what they like.
  at::Tensor changed = z.live[0].clone();
  changed.index_put_({targets.label.eq(kRegion)}, at::full({}, 50.F));
  learn::Embeddings other{{changed}, z.fixed};
  EXPECT_EQ(method.loss(other, batch).item<double>(), method.loss(z, batch).item<double>());
  // A certain mistake at one place costs 100 (1 - alpha) over the number of places with an object.
  const int64_t empty = targets.label[1].eq(kNoBox).nonzero()[0].item<int64_t>();
  changed[1][empty][0] = 100.F;
  EXPECT_NEAR(method.loss(other, batch).item<double>() - entropy,
              100 * 0.75 / static_cast<double>(c.numel()), 1e-2);
}

TEST(Fcos, BoxesAreWeighedByCentrenessAndOption) {
  FcosOptions twice;
  twice.box_weight = 2;
  Fcos once(detector(2), {}, 1), more(detector(2), twice, 1);
  const learn::Batch batch = batch_of(boxes_of({{{1, 6, 8, 30, 28}}}));
  learn::Embeddings z = once.embed(batch);
  more.embed(batch);
  const PlaceTargets targets = assign_places(detector(2)->levels(64, 64), z.fixed[0], 1.5);
  z.live[0] = perfect(targets, 2);
  const double before = once.loss(z, batch).item<double>();
  z.live[0].slice(2, 2, 6).mul_(2);  // IoU and GIoU are 1/4 everywhere
  EXPECT_NEAR(once.loss(z, batch).item<double>() - before, 0.75, 1e-5);
  EXPECT_NEAR(more.loss(z, batch).item<double>() - before, 1.5, 1e-5);
}

TEST(Fcos, BatchWithoutObjectsHasAFiniteLossAndGradient) {
  for (const std::vector<Row>& rows : {std::vector<Row>{}, std::vector<Row>{{-2, 0, 0, 64, 64}}}) {
    const auto network = detector(2);
    Fcos method(network, {}, 1);
    const learn::Batch batch = batch_of(boxes_of({rows, rows}));
    const at::Tensor loss = method.loss(method.embed(batch), batch);
    EXPECT_TRUE(std::isfinite(loss.item<double>()));
    EXPECT_EQ(loss.item<double>() > 0, rows.empty());
    loss.backward();
    double largest = 0;
    for (const auto& item : network->named_parameters()) {
      if (!item.value().grad().defined()) continue;
      EXPECT_TRUE(at::isfinite(item.value().grad()).all().item<bool>()) << item.key();
      largest = std::max(largest, item.value().grad().abs().max().item<double>());
    }
    EXPECT_EQ(largest > 0, rows.empty());
  }
}

TEST(Fcos, WantsADetector) {
  test::expect_error([] { Fcos(make_encoder(tiny(1).encoder, 1), {}, 1); },
                     "Use `vistas detect train`", ErrorKind::usage);
}

// Pictures of two coloured squares each, of class 0 red or of class 1 blue.
struct Squares {
  Squares() {
    for (int64_t i = 0; i < 8; ++i) {
      Draws draws({7, 0, static_cast<uint64_t>(i), 0});
      Image image(64, 64, 3);
      std::fill_n(image.row<uint8_t>(0), image.size_bytes(), uint8_t{110});
      auto& of_picture = boxes.emplace_back();
      for (int64_t half = 0; half < 2; ++half) {  // left and right
        const auto side = static_cast<int>(14 + draws.below(14));
        const auto left = static_cast<int>(32 * half + draws.below(32 - side));
        const auto top = static_cast<int>(draws.below(64 - side));
        const int64_t label = draws.below(2);
        for (int y = top; y < top + side; ++y) {
          for (int x = left; x < left + side; ++x) {
            uint8_t* pixel = image.row<uint8_t>(y) + x * 3;
            pixel[0] = label == 0 ? 240 : 20;
            pixel[1] = 30;
            pixel[2] = label == 1 ? 240 : 20;
          }
        }
        of_picture.push_back({.left = static_cast<double>(left),
                              .top = static_cast<double>(top),
                              .right = static_cast<double>(left + side),
                              .bottom = static_cast<double>(top + side),
                              .label = label});
      }
      files.push_back(folder.write(fmt::format("square{}.png", i), encode_png(image.view())));
    }
  }

  test::TempFolder folder;
  std::vector<std::filesystem::path> files;
  std::vector<std::vector<ObjectBox>> boxes;
};

TEST(Fcos, LearnsSquaresByHeart) {
  at::set_num_threads(1);  // the network is too small to share
  const Squares squares;
  const std::shared_ptr<const ImageSource> source = open_files(squares.files);
  const ViewRecipe preprocess{{{.height = 64, .width = 64, .ops = {{"letterbox"}}}}};
  DenseOptions options = tiny(2);
  options.head.convolutions = 2;
  const DenseBundle bundle{options, make_dense_network(options, 3), preprocess};
  struct Watch : learn::TrainObserver {
    void on_report(const learn::StepReport& report) override {
      losses.push_back(report.loss);
      EXPECT_EQ(report.health.verdict, "");
    }
    std::vector<double> losses;
  } watch;
  const std::atomic<bool> stop{false};
  learn::TrainParts parts;
  parts.method = std::make_shared<Fcos>(bundle.network, FcosOptions{}, 1);
  parts.data =
      std::make_shared<BoxBatches>(PlacedViews(source, preprocess, "fail", 1), squares.boxes, 0.4);
  parts.train.steps = 60;
  parts.train.batch = 8;
  parts.train.precision = "fp32";
  parts.train.log_every = 5;
  parts.train.loader_threads = 1;
  parts.optimizer.name = learn::OptimizerName::adamw;
  parts.schedule.lr = 0.01;
  parts.schedule.lr_scaling = learn::LrScaling::none;
  parts.schedule.warmup_epochs = 5;
  learn::Trainer(parts).run(nullptr, watch, stop);
  EXPECT_LT(watch.losses.back(), watch.losses.front() / 2);
  bundle.network->eval();
  std::vector<std::vector<measure::TrueBox>> truth;
  for (const auto& boxes : squares.boxes) {
    auto& of_picture = truth.emplace_back();
    for (const ObjectBox& b : boxes)
      of_picture.push_back({b.left, b.top, b.right, b.bottom, b.label});
  }
  const Detections found = detect(bundle, source, {}, {.batch = 3, .precision = "fp32"});
  EXPECT_GT(measure::detection_scores(found.boxes, truth, 2).ap50, 0.9);
}

}  // namespace
}  // namespace vistas::vision
