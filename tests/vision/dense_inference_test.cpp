// From answers to boxes and masks in the pixels of the pictures.
#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "support/errors.h"
#include "support/pictures.h"
#include "support/temp_folder.h"
#include "vistas/base/random.h"
#include "vistas/vision/sources/encode.h"
#include "vistas/vision/tasks/dense_bundle.h"

namespace vistas::vision {
namespace {

using measure::FoundBox;
using test::TempFolder;

std::vector<double> numbers(const FoundBox& b) {
  return {b.left, b.top, b.right, b.bottom, static_cast<double>(b.label), b.score};
}

std::vector<std::vector<double>> numbers(const std::vector<FoundBox>& boxes) {
  std::vector<std::vector<double>> all;
  for (const FoundBox& box : boxes) all.push_back(numbers(box));
  return all;
}

// ---- suppress ----

double iou(const FoundBox& a, const FoundBox& b) {
  const double width = std::max(0.0, std::min(a.right, b.right) - std::max(a.left, b.left));
  const double height = std::max(0.0, std::min(a.bottom, b.bottom) - std::max(a.top, b.top));
  const double both = width * height;
  return both /
         ((a.right - a.left) * (a.bottom - a.top) + (b.right - b.left) * (b.bottom - b.top) - both);
}

// Takes the best of those that are left, and strikes out what it overlaps, until none is left.
std::vector<FoundBox> plain_suppress(const std::vector<FoundBox>& boxes, double overlap) {
  std::vector<bool> gone(boxes.size());
  std::vector<FoundBox> kept;
  for (;;) {
    size_t best = boxes.size();
    for (size_t i = 0; i < boxes.size(); ++i) {
      if (!gone[i] && (best == boxes.size() || boxes[i].score > boxes[best].score)) best = i;
    }
    if (best == boxes.size()) return kept;
    kept.push_back(boxes[best]);
    for (size_t i = 0; i < boxes.size(); ++i) {
      gone[i] = gone[i] || i == best ||
                (boxes[i].label == boxes[best].label && iou(boxes[i], boxes[best]) > overlap);
    }
  }
}

TEST(Suppress, IsThePlainLoopOnRandomBoxesWithTies) {
  size_t left_out = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    Draws draws({seed, 0, 0, 0});
    std::vector<FoundBox> boxes;
    for (int i = 0; i < 60; ++i) {
      // Whole numbers, so that some boxes are the same and some overlaps are exact.
      const auto left = static_cast<double>(draws.below(12)),
                 top = static_cast<double>(draws.below(12));
      boxes.push_back({left, top, left + 1 + static_cast<double>(draws.below(8)),
                       top + 1 + static_cast<double>(draws.below(8)), draws.below(2),
                       0.1 * static_cast<double>(draws.below(8))});
    }
    for (const double overlap : {0.0, 0.25, 0.5, 0.6, 1.0}) {
      const auto want = plain_suppress(boxes, overlap);
      EXPECT_EQ(numbers(suppress(boxes, overlap, 1000)), numbers(want));
      left_out += boxes.size() - want.size();
      const auto few = suppress(boxes, overlap, 5);
      ASSERT_EQ(few.size(), 5u);
      EXPECT_EQ(numbers(few), numbers({want.begin(), want.begin() + 5}));
    }
  }
  EXPECT_GT(left_out, 1000u);
}

TEST(Suppress, OverlapItselfIsAllowed) {
  const FoundBox a{0, 0, 4, 4, 0, 0.9}, half{0, 0, 4, 2, 0, 0.8}, other{0, 0, 4, 4, 1, 0.7};
  EXPECT_EQ(numbers(suppress({other, half, a}, 0.5, 10)), numbers({a, half, other}));
  EXPECT_EQ(numbers(suppress({other, half, a}, 0.49, 10)), numbers({a, other}));
  EXPECT_EQ(numbers(suppress({a, a, a}, 1, 2)), numbers({a, a}));
  EXPECT_TRUE(suppress({}, 0.5, 10).empty());
}

// ---- decode_boxes ----

const std::vector<Level> kLevels{{8, 2, 3}, {16, 1, 2}};
constexpr int64_t kPlaces = 8, kClasses = 2;

// Nothing anywhere.
at::Tensor silence() {
  at::Tensor answers = at::zeros({kPlaces, kClasses + 5});
  answers.slice(1, 0, kClasses).fill_(-20);
  return answers;
}

void answer(at::Tensor& answers, int64_t place, int64_t label, double logit,
            const std::array<double, 4>& sides, double centreness) {
  answers[place][label] = logit;
  for (int64_t i = 0; i < 4; ++i) answers[place][kClasses + i] = sides[static_cast<size_t>(i)];
  answers[place][kClasses + 4] = centreness;
}

double probability(double logit) {
  return 1 / (1 + std::exp(-logit));
}

void expect_near(const std::vector<FoundBox>& got, const std::vector<FoundBox>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    const auto a = numbers(got[i]), b = numbers(want[i]);
    for (size_t n = 0; n < 6; ++n) EXPECT_NEAR(a[n], b[n], 1e-6) << i << " " << n;
  }
}

TEST(DecodeBoxes, ByHand) {
  at::Tensor answers = silence();
  answer(answers, 5, 1, 2, {1, 2, 3, 4}, 1);       // row 1, column 2 of the finest: (20, 12)
  answer(answers, 7, 0, 0.5, {10, 20, 30, 5}, 3);  // the second of the coarser level: (24, 8)
  const double first = std::sqrt(probability(2) * probability(1)),
               second = std::sqrt(probability(0.5) * probability(3));
  ASSERT_GT(first, second);
  expect_near(decode_boxes(answers, kLevels, {}),
              {{19, 10, 23, 16, 1, first}, {14, -12, 54, 13, 0, second}});
  // Only what is above the least score.
  expect_near(decode_boxes(answers, kLevels, {.score = (first + second) / 2}),
              {{19, 10, 23, 16, 1, first}});
  EXPECT_TRUE(decode_boxes(answers, kLevels, {.score = first + 1e-6}).empty());
  EXPECT_TRUE(decode_boxes(answers, kLevels, {.score = 1}).empty());
  EXPECT_TRUE(decode_boxes(silence(), kLevels, {}).empty());
}

TEST(DecodeBoxes, ScoreZeroTakesEverything) {
  EXPECT_EQ(decode_boxes(silence(), kLevels, {.score = 0, .overlap = 1}).size(),
            static_cast<size_t>(kPlaces * kClasses));
}

TEST(DecodeBoxes, OnePlaceMayShowTwoClasses) {
  at::Tensor answers = silence();
  answer(answers, 0, 0, 1, {2, 2, 2, 2}, 0);
  answer(answers, 0, 1, 2, {2, 2, 2, 2}, 0);
  expect_near(decode_boxes(answers, kLevels, {}), {{2, 2, 6, 6, 1, std::sqrt(probability(2) / 2)},
                                                   {2, 2, 6, 6, 0, std::sqrt(probability(1) / 2)}});
}

TEST(DecodeBoxes, TakesTheBestCandidatesAndSuppressesThem) {
  at::Tensor answers = silence();
  for (int64_t p = 0; p < 6; ++p)
    answer(answers, p, 0, 1.0 + static_cast<double>(p), {3, 3, 3, 3}, 4);
  const auto lefts = [&](const DetectOptions& options) {
    std::vector<double> found;
    for (const FoundBox& box : decode_boxes(answers, kLevels, options)) found.push_back(box.left);
    return found;
  };
  EXPECT_EQ(lefts({}), (std::vector<double>{17, 9, 1, 17, 9, 1}));
  EXPECT_EQ(lefts({.candidates = 2}), (std::vector<double>{17, 9}));
  EXPECT_EQ(lefts({.most = 3}), (std::vector<double>{17, 9, 1}));
  // Place (12, 4) says the same box as (20, 12).
  answer(answers, 1, 0, 2.0, {-5, -5, 11, 11}, 4);
  EXPECT_EQ(lefts({}), (std::vector<double>{17, 9, 1, 17, 1}));
}

TEST(DecodeBoxes, WhatIsNoNumberIsNoBox) {
  at::Tensor answers = at::full({kPlaces, kClasses + 5}, std::numeric_limits<float>::quiet_NaN());
  EXPECT_TRUE(decode_boxes(answers, kLevels, {.score = 0}).empty());
}

// ---- detect and segment ----

DenseOptions tiny(learn::Modality modality) {
  return {.modality = modality,
          .encoder = {.name = "resnet18", .channels = 3, .width = 8},
          .head = {.channels = 16, .convolutions = 1, .levels = 3},
          .class_names = {"a", "b", "c"}};
}

constexpr int kHeight = 64, kWidth = 96;  // of the view

DenseBundle bundle_of(learn::Modality modality) {
  DenseBundle bundle{tiny(modality),
                     make_dense_network(tiny(modality), 3),
                     {{{.height = kHeight, .width = kWidth, .ops = {{"letterbox"}}}}}};
  const at::NoGradGuard no_grad;
  at::Generator generator = learn::initial_values(2);
  for (int i = 0; i < 3; ++i) bundle.network->forward(at::randn({2, 3, 64, 96}, generator));
  bundle.network->eval();
  return bundle;
}

// Pictures of many sizes; those of the first two are those of the view.
struct Files {
  Files() {
    for (const auto& [height, width] : {std::pair{64, 96}, {64, 96}, {200, 90}, {31, 300}}) {
      const auto i = files.size();
      files.push_back(folder.write(fmt::format("{}.png", i),
                                   encode_png(test_picture(height, width, 3, i).view())));
      sizes.emplace_back(height, width);
    }
  }
  std::shared_ptr<const ImageSource> open() const { return open_files(files); }

  TempFolder folder;
  std::vector<std::filesystem::path> files;
  std::vector<std::pair<int, int>> sizes;
};

const FeatureOptions kFeatures{.batch = 3, .threads = 2, .precision = "fp32"};

// The view of a picture and the scale of each axis, by the rules of letterbox.
struct InView {
  InView(const DenseBundle& bundle, const std::shared_ptr<const ImageSource>& source, int64_t i)
      : pixels(at::empty({1, 3, kHeight, kWidth}, at::TensorOptions(at::kFloat),
                         at::MemoryFormat::ChannelsLast)) {
    const PlacedView view = PlacedViews(source, bundle.preprocess, "fail", 0)
                                .make(i, 0, pixels.mutable_data_ptr<float>());
    picture = view.picture;
    const double scale = std::min(static_cast<double>(kHeight) / picture.height,
                                  static_cast<double>(kWidth) / picture.width);
    height = static_cast<int>(std::nearbyint(picture.height * scale));
    width = static_cast<int>(std::nearbyint(picture.width * scale));
  }

  at::Tensor pixels;
  Extent picture{};
  int height = 0, width = 0;  // of the picture in the view, at the top left
};

TEST(Detect, BoxesAreInThePixelsOfThePictures) {
  const at::NoGradGuard no_grad;
  const Files files;
  const DenseBundle bundle = bundle_of(learn::Modality::boxes);
  const auto source = files.open();
  const DetectOptions options{.score = 0.01, .most = 20};
  const Detections found = detect(bundle, source, options, kFeatures);
  ASSERT_EQ(found.boxes.size(), files.files.size());
  EXPECT_EQ(found.bad.count, 0);
  const auto levels = dynamic_cast<const Detector&>(*bundle.network).levels(kHeight, kWidth);
  for (int64_t i = 0; i < source->size(); ++i) {
    SCOPED_TRACE(i);
    const InView view(bundle, source, i);
    std::vector<FoundBox> want;
    for (FoundBox b : decode_boxes(bundle.network->forward(view.pixels)[0], levels, options)) {
      const double x = static_cast<double>(view.picture.width) / view.width,
                   y = static_cast<double>(view.picture.height) / view.height;
      b.left = std::clamp<double>(b.left * x, 0, view.picture.width);
      b.right = std::clamp<double>(b.right * x, 0, view.picture.width);
      b.top = std::clamp<double>(b.top * y, 0, view.picture.height);
      b.bottom = std::clamp<double>(b.bottom * y, 0, view.picture.height);
      if (b.left < b.right && b.top < b.bottom) want.push_back(b);
    }
    const auto& got = found.boxes[static_cast<size_t>(i)];
    EXPECT_FALSE(want.empty());
    ASSERT_EQ(got.size(), want.size());
    for (size_t b = 0; b < got.size(); ++b) {
      const auto one = numbers(got[b]), other = numbers(want[b]);
      for (size_t n = 0; n < 6; ++n) EXPECT_NEAR(one[n], other[n], 1e-3 * (1 + std::abs(other[n])));
    }
  }
}

TEST(Detect, BadPicturesHaveNoBoxesAndAreCounted) {
  const Files files;
  const DenseBundle bundle = bundle_of(learn::Modality::boxes);
  const DetectOptions options{.score = 0.01};
  const Detections whole = detect(bundle, files.open(), options, kFeatures);
  files.folder.write("1.png", "no picture");
  const Detections rest = detect(bundle, files.open(), options, kFeatures);
  EXPECT_EQ(rest.bad.count, 1);
  EXPECT_TRUE(rest.boxes[1].empty());
  EXPECT_EQ(rest.read, (std::vector<int64_t>{0, 2, 3}));
  for (const size_t i : {0, 2, 3}) {
    EXPECT_EQ(numbers(rest.boxes[i]).size(), numbers(whole.boxes[i]).size());
  }
  FeatureOptions strict = kFeatures;
  strict.on_bad_image = "fail";
  test::expect_error([&] { detect(bundle, files.open(), options, strict); }, "1.png");
}

TEST(Segment, MasksHaveTheSizesOfThePictures) {
  const at::NoGradGuard no_grad;
  const Files files;
  const DenseBundle bundle = bundle_of(learn::Modality::masks);
  const auto source = files.open();
  std::vector<int64_t> order, progress;
  std::vector<int64_t> seen(3);
  const BadImages bad = segment(
      bundle, source, kFeatures,
      [&](int64_t sample, const Image& mask) {
        order.push_back(sample);
        const auto [height, width] = files.sizes[static_cast<size_t>(sample)];
        EXPECT_EQ(mask.height(), height);
        EXPECT_EQ(mask.width(), width);
        ASSERT_EQ(mask.channels(), 1);
        const InView view(bundle, source, sample);
        const at::Tensor logits =
            at::upsample_bilinear2d(bundle.network->forward(view.pixels), {kHeight, kWidth}, false)
                .slice(2, 0, view.height)
                .slice(3, 0, view.width);
        const at::Tensor want =
            at::upsample_bilinear2d(logits, {height, width}, false).argmax(1)[0];
        int64_t differ = 0;
        for (int y = 0; y < height; ++y) {
          for (int x = 0; x < width; ++x) {
            const int64_t got = mask.row<uint8_t>(y)[x];
            ASSERT_LT(got, 3);
            ++seen[static_cast<size_t>(got)];
            differ += got != want[y][x].item<int64_t>();
          }
        }
        // Batches round in another order.
        EXPECT_LE(differ, height * width / 500) << sample;
      },
      [&](int64_t done, int64_t all) {
        EXPECT_EQ(all, 4);
        progress.push_back(done);
      });
  EXPECT_EQ(bad.count, 0);
  EXPECT_EQ(order, (std::vector<int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(progress, (std::vector<int64_t>{3, 4}));
  EXPECT_GT(*std::max_element(seen.begin(), seen.end()), 0);
  EXPECT_GE(std::count_if(seen.begin(), seen.end(), [](int64_t n) { return n > 0; }), 2);
}

TEST(Segment, BadPicturesAreLeftOut) {
  const Files files;
  files.folder.write("2.png", "no picture");
  std::vector<int64_t> order;
  const BadImages bad = segment(bundle_of(learn::Modality::masks), files.open(), kFeatures,
                                [&](int64_t sample, const Image&) { order.push_back(sample); });
  EXPECT_EQ(bad.count, 1);
  EXPECT_EQ(order, (std::vector<int64_t>{0, 1, 3}));
}

}  // namespace
}  // namespace vistas::vision
