// Views that know their place: points, boxes and masks against the pixels themselves.
#include "vistas/vision/tasks/placed_views.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "support/errors.h"
#include "support/temp_folder.h"
#include "vistas/base/random.h"
#include "vistas/vision/methods/fcos.h"
#include "vistas/vision/sources/encode.h"

namespace vistas::vision {
namespace {

using test::expect_error;
using test::TempFolder;

constexpr int kHeight = 60, kWidth = 90;  // of the pictures
constexpr int kViewHeight = 48, kViewWidth = 56;

Value number(double x) {
  return Value{.data = x};
}

Value range(double low, double high) {
  return Value{.data = ValueList{number(low), number(high)}};
}

// Pixels as they are, 0 .. 1.
ViewRecipe recipe_of(std::vector<ViewOp> ops) {
  return {{{.height = kViewHeight,
            .width = kViewWidth,
            .mean = {0, 0, 0},
            .std = {1, 1, 1},
            .ops = std::move(ops)}}};
}

ViewOp framing(const std::string& name, const std::string& interpolation, double fill) {
  ViewOp op{name, 1.0, {{"fill", number(fill)}}};
  op.parameters["interpolation"] = Value{.data = interpolation};
  if (name == "scale_jitter") op.parameters["scale"] = range(0.6, 2.5);
  return op;
}

// Of every kind that the recipes of detection use, flips at once while framing and after it.
std::vector<ViewRecipe> recipes(const std::string& interpolation, double fill) {
  std::vector<ViewRecipe> all;
  for (const char* name : {"scale_jitter", "letterbox"}) {
    const ViewOp first = framing(name, interpolation, fill);
    all.push_back(recipe_of({first}));
    all.push_back(recipe_of({first, {"hflip", 0.5}, {"vflip", 0.5}}));
    all.push_back(recipe_of({first, {"vflip", 0.5}, {"hflip", 0.5}}));
  }
  return all;
}

Image empty_picture() {
  Image image(kHeight, kWidth, 3);
  std::fill_n(image.row<uint8_t>(0), image.size_bytes(), uint8_t{0});
  return image;
}

void paint(Image& image, const Box& box, uint8_t value) {
  for (int y = box.top; y < box.top + box.height; ++y) {
    std::fill_n(image.row<uint8_t>(y) + box.left * image.channels(), box.width * image.channels(),
                value);
  }
}

// Picture files that are open as a source.
struct Pictures {
  std::filesystem::path add(const Image& image) {
    files.push_back(folder.write(fmt::format("{}.png", files.size()), encode_png(image.view())));
    return files.back();
  }
  void add_bad() {
    files.push_back(folder.write(fmt::format("{}.png", files.size()), "no picture"));
  }
  PlacedViews views(const ViewRecipe& recipe, uint64_t seed = 1,
                    const std::string& on_bad = "skip") const {
    return {open_files(files), recipe, on_bad, seed};
  }

  TempFolder folder;
  std::vector<std::filesystem::path> files;
};

struct Seen {
  PlacedView view;
  std::vector<float> pixels;  // the first channel
};

Seen look_at(const PlacedViews& views, int64_t sample, uint64_t epoch) {
  std::vector<float> all(size_t{3} * kViewHeight * kViewWidth);
  Seen seen{views.make(sample, epoch, all.data()), {}};
  for (size_t i = 0; i < all.size(); i += 3) seen.pixels.push_back(all[i]);
  return seen;
}

// ---- where things are ----

TEST(PlacedViews, ToPictureUndoesToView) {
  Pictures pictures;
  pictures.add(empty_picture());
  int flipped = 0, cut = 0, filled = 0;
  for (const ViewRecipe& recipe : recipes("bilinear", 0)) {
    const PlacedViews views = pictures.views(recipe);
    for (uint64_t epoch = 0; epoch < 20; ++epoch) {
      const PlacedView view = look_at(views, 0, epoch).view;
      EXPECT_EQ(view.picture.height, kHeight);
      EXPECT_EQ(view.picture.width, kWidth);
      flipped += view.trace.hflip || view.trace.vflip;
      cut += view.trace.box.width < kWidth;
      filled += view.trace.shown.width < kViewWidth || view.trace.shown.height < kViewHeight;
      Draws draws({4, epoch, 0, 0});
      for (int i = 0; i < 10; ++i) {
        const Point p{draws.uniform(0, kWidth), draws.uniform(0, kHeight)};
        const Point back = to_picture(view.trace, to_view(view.trace, p));
        EXPECT_NEAR(back.x, p.x, 1e-9);
        EXPECT_NEAR(back.y, p.y, 1e-9);
        // Boxes within what is shown come back whole.
        const Box& shown = view.trace.box;
        const auto inside = [&](double low, double size) { return draws.uniform(low, low + size); };
        ObjectBox box{inside(shown.left, shown.width / 2.0),
                      inside(shown.top, shown.height / 2.0),
                      0,
                      0,
                      7,
                      true,
                      true};
        box.right = draws.uniform(box.left, shown.left + shown.width);
        box.bottom = draws.uniform(box.top, shown.top + shown.height);
        const ObjectBox again = to_picture(view.trace, view.picture, to_view(view.trace, box));
        EXPECT_NEAR(again.left, box.left, 1e-9);
        EXPECT_NEAR(again.top, box.top, 1e-9);
        EXPECT_NEAR(again.right, box.right, 1e-9);
        EXPECT_NEAR(again.bottom, box.bottom, 1e-9);
        EXPECT_EQ(again.label, 7);
        EXPECT_TRUE(again.crowd && again.difficult);
      }
    }
  }
  EXPECT_GT(flipped, 20);
  EXPECT_GT(cut, 20);
  EXPECT_GT(filled, 20);
}

TEST(PlacedViews, ABrightPixelIsSeenWhereToViewSays) {
  Pictures pictures;
  std::vector<Point> bright;
  for (int i = 0; i < 6; ++i) {
    Draws draws({5, 0, static_cast<uint64_t>(i), 0});
    const auto x = static_cast<int>(draws.below(kWidth)),
               y = static_cast<int>(draws.below(kHeight));
    Image image = empty_picture();
    paint(image, {y, x, 1, 1}, 255);
    pictures.add(image);
    bright.push_back({x + 0.5, y + 0.5});
  }
  int found = 0;
  for (const ViewRecipe& recipe : recipes("bilinear", 0)) {
    const PlacedViews views = pictures.views(recipe);
    for (int64_t i = 0; i < 6; ++i) {
      for (uint64_t epoch = 0; epoch < 5; ++epoch) {
        const Seen seen = look_at(views, i, epoch);
        const ViewTrace& trace = seen.view.trace;
        const Point want = to_view(trace, bright[static_cast<size_t>(i)]);
        const double total = std::accumulate(seen.pixels.begin(), seen.pixels.end(), 0.0);
        const Box& shown = trace.shown;
        const bool inside = want.x > shown.left && want.x < shown.left + shown.width &&
                            want.y > shown.top && want.y < shown.top + shown.height;
        if (!inside) {
          EXPECT_EQ(total, 0);
          continue;
        }
        ++found;
        ASSERT_GT(total, 0);
        double x = 0, y = 0;
        for (size_t p = 0; p < seen.pixels.size(); ++p) {
          x += seen.pixels[p] * (static_cast<double>(p % kViewWidth) + 0.5) / total;
          y += seen.pixels[p] * (static_cast<double>(p / kViewWidth) + 0.5) / total;
        }
        EXPECT_NEAR(x, want.x, 1);
        EXPECT_NEAR(y, want.y, 1);
      }
    }
  }
  EXPECT_GT(found, 100);
}

TEST(PlacedViews, ABoxCoversTheSamePixelsInTheView) {
  Pictures pictures;
  std::vector<ObjectBox> boxes;
  for (int i = 0; i < 6; ++i) {
    Draws draws({6, 0, static_cast<uint64_t>(i), 0});
    const auto left = static_cast<int>(draws.below(60)), top = static_cast<int>(draws.below(40));
    const auto width = static_cast<int>(5 + draws.below(25)),
               height = static_cast<int>(5 + draws.below(15));
    Image image = empty_picture();
    paint(image, {top, left, height, width}, 255);
    pictures.add(image);
    boxes.push_back({.left = static_cast<double>(left),
                     .top = static_cast<double>(top),
                     .right = static_cast<double>(left + width),
                     .bottom = static_cast<double>(top + height)});
  }
  for (const ViewRecipe& recipe : recipes("bilinear", 0)) {
    const PlacedViews views = pictures.views(recipe);
    for (int64_t i = 0; i < 6; ++i) {
      for (uint64_t epoch = 0; epoch < 4; ++epoch) {
        const Seen seen = look_at(views, i, epoch);
        const ObjectBox box = to_view(seen.view.trace, boxes[static_cast<size_t>(i)]);
        int wrong = 0;
        for (size_t p = 0; p < seen.pixels.size(); ++p) {
          const double x = static_cast<double>(p % kViewWidth) + 0.5,
                       y = static_cast<double>(p / kViewWidth) + 0.5;
          // How far inside; what is within a pixel of a side is a matter of resampling.
          const double depth = std::min({x - box.left, box.right - x, y - box.top, box.bottom - y});
          wrong += depth > 1 && seen.pixels[p] < 0.5F;
          wrong += depth < -1 && seen.pixels[p] > 0.5F;
        }
        EXPECT_EQ(wrong, 0);
      }
    }
  }
}

TEST(PlacedViews, BoxesAreCutAtWhatIsSeenAndAtThePicture) {
  // Columns 10 .. 30 and all rows of a picture of 40 x 20, twice as large, mirrored, at (4, 2).
  const ViewTrace trace{.box = {0, 10, 20, 20}, .shown = {2, 4, 40, 40}, .hflip = true};
  const ObjectBox seen = to_view(trace, {.left = 5, .top = 3, .right = 18, .bottom = 25});
  EXPECT_EQ(seen.left, 4 + 40 - 16);
  EXPECT_EQ(seen.right, 44);
  EXPECT_EQ(seen.top, 2 + 6);
  EXPECT_EQ(seen.bottom, 42);
  const ObjectBox outside = to_view(trace, {.left = 2, .top = 3, .right = 9, .bottom = 8});
  EXPECT_EQ(outside.left, outside.right);
  const ObjectBox back =
      to_picture(trace, {20, 40}, {.left = -30, .top = -10, .right = 200, .bottom = 12});
  EXPECT_EQ(back.left, 0);
  EXPECT_EQ(back.right, 40);
  EXPECT_EQ(back.top, 0);
  EXPECT_EQ(back.bottom, 5);
}

// ---- masks ----

// Classes in squares of some pixels.
Image class_squares(uint64_t seed, int64_t classes, int height = kHeight, int width = kWidth) {
  Image mask(height, width, 1);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      Draws draws({seed, static_cast<uint64_t>(y / 5), static_cast<uint64_t>(x / 7), 0});
      mask.row<uint8_t>(y)[x] = static_cast<uint8_t>(draws.below(classes));
    }
  }
  return mask;
}

Image painted(const Image& mask) {
  Image image(mask.height(), mask.width(), 3);
  for (int y = 0; y < mask.height(); ++y) {
    for (int x = 0; x < mask.width() * 3; ++x) {
      image.row<uint8_t>(y)[x] = mask.row<uint8_t>(y)[x / 3];
    }
  }
  return image;
}

// The grey value of a class is its number, and that of no class is white.
TEST(MaskInView, IsTheViewOfThePaintedPictureByNearestPixels) {
  Pictures pictures;
  std::vector<Image> masks;
  for (uint64_t i = 0; i < 3; ++i) {
    masks.push_back(class_squares(i, 9));
    pictures.add(painted(masks.back()));
  }
  int ignored = 0;
  for (const ViewRecipe& recipe : recipes("nearest", 1)) {
    const PlacedViews views = pictures.views(recipe);
    for (int64_t i = 0; i < 3; ++i) {
      for (uint64_t epoch = 0; epoch < 10; ++epoch) {
        const Seen seen = look_at(views, i, epoch);
        std::vector<uint8_t> mask(size_t{kViewHeight} * kViewWidth);
        mask_in_view(masks[static_cast<size_t>(i)], seen.view.trace, views.extent(), mask.data());
        std::vector<uint8_t> want;
        for (const float v : seen.pixels)
          want.push_back(static_cast<uint8_t>(std::lround(v * 255)));
        EXPECT_EQ(mask, want);
        ignored += static_cast<int>(std::count(mask.begin(), mask.end(), kIgnored));
      }
    }
  }
  EXPECT_GT(ignored, 1000);
}

struct Masked {
  Masked() { truth.class_names = {"sea", "sky", "land"}; }
  void add(const Image& picture, const Image& mask) {
    truth.pictures.push_back(pictures.add(picture));
    add_mask(encode_png(mask.view()));
  }
  void add_mask(const std::string& bytes) {
    truth.masks.push_back(
        pictures.folder.write(fmt::format("mask{}.png", truth.masks.size()), bytes));
  }
  MaskBatches batches(const ViewRecipe& recipe, const std::string& on_bad = "skip",
                      uint64_t seed = 1) const {
    return {pictures.views(recipe, seed), truth, on_bad};
  }

  Pictures pictures;
  MaskedPictures truth;
};

TEST(ReadClassMask, KnowsWhatDoesNotCount) {
  Masked data;
  data.truth.ignore = 2;
  Image file(1, 4, 1);
  std::copy_n("\0\2\1\2", 4, file.row<char>(0));
  data.add(empty_picture(), file);
  Image mask;
  read_class_mask(data.truth, 0, {1, 4}, mask);
  EXPECT_EQ(std::vector<uint8_t>(mask.row<uint8_t>(0), mask.row<uint8_t>(0) + 4),
            (std::vector<uint8_t>{0, kIgnored, 1, kIgnored}));
}

TEST(ReadClassMask, NamesWhatIsWrong) {
  Masked data;
  Image file(2, 4, 1);
  std::copy_n("\0\1\2\xff\0\0\3\0", 8, file.row<char>(0));
  data.add(empty_picture(), file);
  Image mask;
  expect_error(
      [&] {
        read_class_mask(data.truth, 0, {2, 4}, mask);
      },
      "mask0.png: row 1, column 2: got index 3, expected a class 0 .. 2, or 255");
  expect_error(
      [&] {
        read_class_mask(data.truth, 0, {4, 2}, mask);
      },
      "mask0.png: the mask is of another size than its picture: got 4 x 2, expected 2 x 4");
  data.truth.ignore = 3;
  expect_error(
      [&] {
        read_class_mask(data.truth, 0, {2, 4}, mask);
      },
      "row 0, column 3: got index 255, expected a class 0 .. 2, or 3");
}

// ---- batches ----

learn::Batch some_of(const learn::Batch& batch, const std::vector<int64_t>& rows) {
  learn::Batch out;
  const at::Tensor index = at::tensor(rows);
  out.index = batch.index.index_select(0, index);
  for (const auto& view : batch.views) {
    auto& some = out.views.emplace_back();
    for (const auto& [name, tensor] : view.tensors) {
      some.tensors.emplace_back(name, tensor.index_select(0, index));
    }
  }
  return out;
}

void expect_same(const learn::Batch& a, const learn::Batch& b) {
  EXPECT_TRUE(at::equal(a.index, b.index));
  ASSERT_EQ(a.views.front().tensors.size(), b.views.front().tensors.size());
  for (const auto& [name, tensor] : a.views.front().tensors) {
    EXPECT_TRUE(at::equal(tensor, b.views.front().at(name))) << name;
  }
}

// Whatever thread makes them, and whatever else is made.
void expect_functions_of_their_samples(const std::shared_ptr<const learn::BatchMaker>& batches) {
  const learn::Batch batch = batches->make({3, 0, 2, 1}, 2);
  expect_same(batch, batches->make({3, 0, 2, 1}, 2));
  expect_same(some_of(batch, {2, 1}), batches->make({2, 0}, 2));
  EXPECT_FALSE(at::equal(batch.views.front().at("pixels"),
                         batches->make({3, 0, 2, 1}, 3).views.front().at("pixels")));
  const auto loaded = [&](int threads) {
    learn::Loader loader(batches, {.batch = 2, .seed = 3, .threads = threads, .end_step = 10});
    std::vector<learn::Batch> all;
    for (int i = 0; i < 10; ++i) all.push_back(loader.next());
    return all;
  };
  const auto one = loaded(1), four = loaded(4);
  for (size_t i = 0; i < one.size(); ++i) expect_same(one[i], four[i]);
}

Image noise_picture(uint64_t seed) {
  return painted(class_squares(seed, 256));
}

TEST(BoxBatches, AreFunctionsOfTheirSamples) {
  Pictures pictures;
  std::vector<std::vector<ObjectBox>> boxes;
  for (uint64_t i = 0; i < 4; ++i) {
    pictures.add(noise_picture(i));
    boxes.push_back({{.left = 5.0 * static_cast<double>(i), .top = 3, .right = 70, .bottom = 50}});
  }
  for (const ViewRecipe& recipe : recipes("bilinear", 0.5)) {
    if (recipe.views.front().ops.size() < 2) continue;  // without chance
    expect_functions_of_their_samples(
        std::make_shared<BoxBatches>(pictures.views(recipe), boxes, 0.4));
  }
}

TEST(MaskBatches, AreFunctionsOfTheirSamples) {
  Masked data;
  for (uint64_t i = 0; i < 4; ++i) data.add(noise_picture(i), class_squares(i, 3));
  expect_functions_of_their_samples(std::make_shared<MaskBatches>(
      data.pictures.views(recipes("bilinear", 0.5)[1]), data.truth, "fail"));
}

std::vector<std::vector<float>> rows_of(const at::Tensor& boxes) {
  std::vector<std::vector<float>> rows;
  for (int64_t m = 0; m < boxes.size(0); ++m) {
    const at::Tensor row = boxes[m].contiguous();
    rows.emplace_back(row.const_data_ptr<float>(), row.const_data_ptr<float>() + 5);
  }
  return rows;
}

// Of a picture twice as large as the view, of which the view shows all.
TEST(BoxBatches, HaveTheBoxesOfTheViewAndRegions) {
  Pictures pictures;
  pictures.add(Image(2 * kViewHeight, 2 * kViewWidth, 3));
  pictures.add(Image(2 * kViewHeight, 2 * kViewWidth, 3));
  const std::vector<std::vector<ObjectBox>> boxes{
      {{.left = 10, .top = 20, .right = 30, .bottom = 24, .label = 4},
       {.left = 0, .top = 0, .right = 112, .bottom = 96, .label = 1, .crowd = true},
       {.left = 2, .top = 4, .right = 6, .bottom = 8, .label = 2, .difficult = true}},
      {}};
  const ViewRecipe recipe = recipe_of({framing("letterbox", "bilinear", 0)});
  const learn::Batch batch = BoxBatches(pictures.views(recipe), boxes, 1).make({0, 1}, 0);
  using Rows = std::vector<std::vector<float>>;
  const at::Tensor& got = batch.views.front().at("boxes");
  EXPECT_EQ(rows_of(got[0]),
            (Rows{{4, 5, 10, 15, 12}, {kRegion, 0, 0, 56, 48}, {kRegion, 1, 2, 3, 4}}));
  EXPECT_EQ(rows_of(got[1]), Rows(3, std::vector<float>(5, kNoBox)));
  EXPECT_EQ(batch.views.front().at("pixels").sizes(),
            at::IntArrayRef({2, 3, kViewHeight, kViewWidth}));
}

TEST(BoxBatches, LessThanMinVisibleIsARegionAndWhatIsNotSeenIsNothing) {
  Pictures pictures;
  pictures.add(empty_picture());
  const PlacedViews views = pictures.views(recipe_of({framing("scale_jitter", "bilinear", 0)}));
  // Where the view begins decides which share of a box is seen.
  std::vector<ObjectBox> boxes;
  for (int i = 0; i < 9; ++i) {
    boxes.push_back({.left = 10.0 * i, .top = 0, .right = 10.0 * i + 10, .bottom = kHeight});
  }
  std::vector<int> times(3);
  for (const double min_visible : {0.0, 0.3, 1.0}) {
    const BoxBatches batches(views, {boxes}, min_visible);
    for (uint64_t epoch = 0; epoch < 60; ++epoch) {
      const Box shown = look_at(views, 0, epoch).view.trace.box;
      std::vector<float> want;
      for (const ObjectBox& box : boxes) {
        const double width = std::min<double>(box.right, shown.left + shown.width) -
                             std::max<double>(box.left, shown.left);
        if (width <= 0) continue;
        const int64_t seen = std::lround(width) * shown.height;
        const bool counts = static_cast<double>(seen) >= min_visible * 10 * kHeight;
        want.push_back(static_cast<float>(counts ? 0 : kRegion));
        ++times[counts ? 0 : 1];
      }
      times[2] += want.size() < boxes.size();
      want.resize(boxes.size(), kNoBox);
      const at::Tensor label =
          batches.make({0}, epoch).views.front().at("boxes")[0].select(1, 0).contiguous();
      EXPECT_EQ(std::vector<float>(label.const_data_ptr<float>(),
                                   label.const_data_ptr<float>() + label.numel()),
                want)
          << min_visible << " " << epoch;
    }
  }
  for (const int n : times) EXPECT_GT(n, 20);
}

TEST(BoxBatches, ABadPicturesBoxesAreThoseOfWhatReplacesIt) {
  Pictures pictures;
  pictures.add(Image(kViewHeight, kViewWidth, 3));
  pictures.add_bad();
  pictures.add(Image(2 * kViewHeight, 2 * kViewWidth, 3));
  std::vector<std::vector<ObjectBox>> boxes;
  for (int64_t i = 0; i < 3; ++i) {
    boxes.push_back({{.left = 4, .top = 8, .right = 12, .bottom = 16, .label = i}});
  }
  const ViewRecipe recipe = recipe_of({framing("letterbox", "bilinear", 0)});
  const BoxBatches batches(pictures.views(recipe), boxes, 0.4);
  const learn::Batch batch = batches.make({1, 0}, 0);
  using Rows = std::vector<std::vector<float>>;
  EXPECT_EQ(rows_of(batch.views.front().at("boxes")[0]), (Rows{{2, 2, 4, 6, 8}}));
  EXPECT_EQ(rows_of(batch.views.front().at("boxes")[1]), (Rows{{0, 4, 8, 12, 16}}));
  EXPECT_TRUE(at::equal(batch.index, at::tensor({int64_t{2}, int64_t{0}})));
  EXPECT_EQ(batches.bad_images().count, 1);
  const BoxBatches strict(pictures.views(recipe, 1, "fail"), boxes, 0.4);
  expect_error([&] { strict.make({1}, 0); }, "1.png");
}

TEST(MaskBatches, HaveTheMaskOfTheView) {
  Masked data;
  for (uint64_t i = 0; i < 2; ++i) {
    const Image mask = class_squares(i, 3);
    data.add(painted(mask), mask);
  }
  data.pictures.add_bad();  // the first takes its place
  data.add_mask(encode_png(class_squares(5, 3).view()));
  const ViewRecipe recipe = recipes("nearest", 1)[1];
  const learn::Batch batch = data.batches(recipe).make({1, 0, 2}, 4);
  const at::Tensor& mask = batch.views.front().at("mask");
  EXPECT_EQ(mask.scalar_type(), at::kByte);
  const at::Tensor shown = (batch.views.front().at("pixels").select(1, 0) * 255).round();
  EXPECT_TRUE(at::equal(mask.to(at::kFloat), shown));
}

TEST(MaskBatches, SkipOrNameWhatIsBad) {
  Masked data;
  const Image good = class_squares(1, 3);
  data.add(painted(good), good);
  data.add(painted(good), class_squares(1, 4));  // a class too many
  data.truth.pictures.push_back(data.pictures.add(painted(good)));
  data.add_mask("no mask");
  data.pictures.add_bad();
  data.add_mask(encode_png(good.view()));
  data.add(painted(good), class_squares(1, 3, kWidth, kHeight));  // another size
  const ViewRecipe recipe = recipe_of({framing("letterbox", "nearest", 1)});
  const MaskBatches skip = data.batches(recipe);
  const learn::Batch batch = skip.make({0, 1, 2, 3, 4}, 0);
  const at::Tensor& mask = batch.views.front().at("mask");
  EXPECT_FALSE(mask[0].eq(kIgnored).all().item<bool>());
  for (const int64_t i : {1, 2, 3, 4}) EXPECT_TRUE(mask[i].eq(kIgnored).all().item<bool>()) << i;
  EXPECT_EQ(batch.index[3].item<int64_t>(), 4);  // in place of the bad picture
  skip.make({0, 1, 2, 3, 4}, 1);                 // each bad one counts once
  const BadImages bad = skip.bad_images();
  EXPECT_EQ(bad.count, 4);
  ASSERT_EQ(bad.first.size(), 4u);
  EXPECT_NE(bad.first[0].find("3.png"), std::string::npos) << bad.first[0];
  EXPECT_NE(bad.first[1].find("mask1.png: row"), std::string::npos) << bad.first[1];
  EXPECT_NE(bad.first[3].find("another size"), std::string::npos) << bad.first[3];
  const MaskBatches strict = data.batches(recipe, "fail");
  EXPECT_NO_THROW(strict.make({0}, 0));
  for (const int64_t i : {1, 2, 4}) {
    expect_error([&] { strict.make({i}, 0); }, fmt::format("mask{}.png", i));
  }
}

}  // namespace
}  // namespace vistas::vision
