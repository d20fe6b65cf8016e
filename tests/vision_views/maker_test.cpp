#include "vistas/vision/views/maker.h"

#include <gtest/gtest.h>

#include <cstring>

#include "support/count_allocations.h"
#include "vistas/base/error.h"
#include "vistas/base/threads.h"

namespace vistas::vision {
namespace {

Image noise(int height, int width, int channels, PixelType type = PixelType::u8) {
  Image image(height, width, channels, type);
  Draws draws({.seed = 77});
  const size_t values = image.size_bytes() / size_of(type);
  with_pixel_type(type, [&](auto p) {
    using T = decltype(p);
    for (size_t i = 0; i < values; ++i) {
      image.row<T>(0)[i] = to_pixel<T>(draws.uniform() * (kWhite<T> + (std::integral<T> ? 1 : 0)));
    }
  });
  return image;
}

std::vector<float> views_of(const ViewMaker& maker, const PicturePart& picture, const DrawKey& key,
                            ViewScratch& scratch) {
  std::vector<float> all;
  for (int v = 0; v < maker.view_count(); ++v) {
    std::vector<float> one(
        static_cast<size_t>(maker.height(v) * maker.width(v) * maker.channels()));
    maker.make(picture, key, v, one.data(), scratch);
    all.insert(all.end(), one.begin(), one.end());
  }
  return all;
}

TEST(ViewMaker, SamePixelsForAnyNumberOfThreads) {
  const ViewMaker maker(builtin_recipe("dino", {.size = 96, .local_size = 40}), 3, PixelType::u8);
  const Image image = noise(120, 150, 3);
  constexpr int64_t kCount = 12;
  std::vector<std::vector<float>> expected(kCount);
  ViewScratch one;
  for (int64_t i = kCount - 1; i >= 0; --i) {  // any order
    expected[static_cast<size_t>(i)] =
        views_of(maker, image.view(), {1, 2, static_cast<uint64_t>(i)}, one);
  }
  for (const int threads : {1, 2, 5}) {
    std::vector<ViewScratch> scratch(static_cast<size_t>(threads));
    parallel_for(kCount, threads, [&](int64_t i, int t) {
      const auto got = views_of(maker, image.view(), {1, 2, static_cast<uint64_t>(i)},
                                scratch[static_cast<size_t>(t)]);
      EXPECT_EQ(got, expected[static_cast<size_t>(i)]);
    });
  }
}

TEST(ViewMaker, KeyPartsAllMatter) {
  const ViewMaker maker(builtin_recipe("simclr", {.size = 32}), 3, PixelType::u8);
  const Image image = noise(40, 40, 3);
  ViewScratch scratch;
  const auto base = views_of(maker, image.view(), {1, 2, 3}, scratch);
  EXPECT_EQ(views_of(maker, image.view(), {1, 2, 3, 9}, scratch), base);
  EXPECT_NE(views_of(maker, image.view(), {2, 2, 3}, scratch), base);
  EXPECT_NE(views_of(maker, image.view(), {1, 3, 3}, scratch), base);
  EXPECT_NE(views_of(maker, image.view(), {1, 2, 4}, scratch), base);
  const size_t half = base.size() / 2;
  EXPECT_FALSE(std::equal(base.begin(), base.begin() + static_cast<long>(half),
                          base.begin() + static_cast<long>(half)));
}

TEST(ViewMaker, CroppedPictureGivesTheSameViews) {
  const Image image = noise(100, 130, 3);
  for (const char* name : {"simclr", "swav", "light", "eval"}) {
    const ViewMaker maker(builtin_recipe(name, {.size = 48}), 3, PixelType::u8);
    ViewScratch scratch;
    for (uint64_t i = 0; i < 20; ++i) {
      const DrawKey key{.sample = i};
      const Box box = maker.needed_box(100, 130, key);
      const PicturePart part(image.view().crop(box), box, 100, 130);
      EXPECT_EQ(views_of(maker, part, key, scratch), views_of(maker, image.view(), key, scratch));
    }
  }
}

TEST(ViewMaker, RefusesAPartThatIsTooSmall) {
  const ViewMaker maker(builtin_recipe("eval", {.size = 48}), 3, PixelType::u8);
  const Image image = noise(100, 130, 3);
  ViewScratch scratch;
  const Box box{0, 0, 50, 130};
  EXPECT_THROW(
      maker.make_pixels(PicturePart(image.view().crop(box), box, 100, 130), {}, 0, scratch), Error);
}

TEST(ViewMaker, RefusesOtherKindsOfPictures) {
  const ViewMaker maker(builtin_recipe("eval", {.size = 8}), 3, PixelType::u8);
  ViewScratch scratch;
  EXPECT_THROW(maker.make_pixels(noise(9, 9, 1).view(), {}, 0, scratch), Error);
  EXPECT_THROW(maker.make_pixels(noise(9, 9, 3, PixelType::u16).view(), {}, 0, scratch), Error);
}

TEST(ViewMaker, NormalisesPixels) {
  ViewRecipe recipe = builtin_recipe("none", {.size = 5, .mean = {0.25}, .std = {0.5}});
  const ViewMaker maker(recipe, 2, PixelType::u16);
  const Image image = noise(5, 5, 2, PixelType::u16);
  ViewScratch scratch;
  const auto got = views_of(maker, image.view(), {}, scratch);
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_NEAR(got[i], (image.row<uint16_t>(0)[i] / 65535.0 - 0.25) / 0.5, 1e-6);
  }
}

// One view with every operation that pictures of this kind allow.
ViewRecipe everything(int channels, PixelType type, int size) {
  ViewSpec spec{.height = size, .width = size};
  spec.ops.push_back({"random_resized_crop"});
  for (const OperationKind& kind : operation_kinds()) {
    const auto operation = kind.make();
    if (dynamic_cast<const Framing*>(operation.get()) != nullptr) continue;
    try {
      operation->accept(channels, type);
    } catch (const Error&) {
      continue;
    }
    ViewOp op{kind.name, 0.7};
    if (kind.name == "elastic") op.parameters["sigma"] = Value{.data = 1.5};
    spec.ops.push_back(op);
  }
  return {{spec}};
}

TEST(ViewMaker, EveryOperationOnEveryKindOfPicture) {
  for (const PixelType type : {PixelType::u8, PixelType::u16, PixelType::f32}) {
    for (const int channels : {1, 2, 3, 4, 7}) {
      const ViewMaker maker(everything(channels, type, 17), channels, type);
      ViewScratch scratch;
      for (const auto& [h, w] : {std::pair{1, 1}, {2, 40}, {33, 21}}) {
        const Image image = noise(h, w, channels, type);
        for (uint64_t i = 0; i < 10; ++i) {
          for (const float x : views_of(maker, image.view(), {.sample = i}, scratch)) {
            ASSERT_TRUE(std::isfinite(x));
          }
        }
      }
    }
  }
}

TEST(ViewMaker, NoAllocationInTheSteadyState) {
  for (const int channels : {1, 3}) {
    const ViewMaker maker(everything(channels, PixelType::u8, 40), channels, PixelType::u8);
    const Image image = noise(60, 50, channels);
    std::vector<float> out(static_cast<size_t>(40 * 40 * channels));
    ViewScratch scratch;
    const auto run = [&] {
      for (uint64_t i = 0; i < 200; ++i) {
        maker.make(image.view(), {.sample = i}, 0, out.data(), scratch);
      }
    };
    run();
    const long before = allocations;
    run();
    EXPECT_EQ(allocations, before);
  }
}

TEST(ViewMaker, TraceSaysWhereTheViewCameFrom) {
  // Pixels that hold their own place survive a crop at size.
  ViewSpec spec{.height = 6, .width = 6};
  spec.ops = {
      {"random_resized_crop", 1, {{"scale", Value{.data = 0.36}}, {"ratio", Value{.data = 1.0}}}},
      {"hflip", 0.5},
      {"vflip", 0.5}};
  const ViewMaker maker({{spec}}, 1, PixelType::u8);
  Image image(10, 10, 1);
  for (int i = 0; i < 100; ++i) image.row<uint8_t>(0)[i] = static_cast<uint8_t>(i);
  ViewScratch scratch;
  for (uint64_t i = 0; i < 100; ++i) {
    const ViewTrace trace = maker.make_pixels(image.view(), {.sample = i}, 0, scratch);
    for (int y = 0; y < 6; ++y) {
      for (int x = 0; x < 6; ++x) {
        const int from_y = trace.box.top + (trace.vflip ? 5 - y : y);
        const int from_x = trace.box.left + (trace.hflip ? 5 - x : x);
        ASSERT_EQ(scratch.image.row<uint8_t>(y)[x], from_y * 10 + from_x);
      }
    }
  }
}

TEST(ViewMaker, TraceSaysWhereTheViewShowsThePicture) {
  // Twice as large as fits, at half of that: pixels keep their size.
  ViewSpec spec{.height = 20, .width = 20};
  spec.ops = {{"scale_jitter", 1, {{"scale", Value{.data = 0.5}}, {"fill", Value{.data = 1.0}}}},
              {"hflip", 0.5},
              {"vflip", 0.5}};
  const ViewMaker maker({{spec}}, 1, PixelType::u8);
  Image image(5, 10, 1);
  for (int i = 0; i < 50; ++i) image.row<uint8_t>(0)[i] = static_cast<uint8_t>(i);
  ViewScratch scratch;
  for (uint64_t i = 0; i < 100; ++i) {
    const ViewTrace trace = maker.make_pixels(image.view(), {.sample = i}, 0, scratch);
    ASSERT_EQ(trace.box, (Box{0, 0, 5, 10}));
    ASSERT_EQ(trace.shown.height, 5);
    ASSERT_EQ(trace.shown.width, 10);
    for (int y = 0; y < 20; ++y) {
      for (int x = 0; x < 20; ++x) {
        const int at_y = y - trace.shown.top, at_x = x - trace.shown.left;
        const bool inside = at_y >= 0 && at_y < 5 && at_x >= 0 && at_x < 10;
        const int from_y = trace.vflip ? 4 - at_y : at_y, from_x = trace.hflip ? 9 - at_x : at_x;
        ASSERT_EQ(scratch.image.row<uint8_t>(y)[x], inside ? from_y * 10 + from_x : 255);
      }
    }
  }
}

TEST(ViewMaker, LetterboxKeepsProportions) {
  ViewSpec spec{.height = 8, .width = 8};
  spec.ops = {{"letterbox"}};
  const ViewMaker maker({{spec}}, 3, PixelType::u8);
  const Image image(6, 12, 3);
  ViewScratch scratch;
  const ViewTrace trace = maker.make_pixels(image.view(), {}, 0, scratch);
  EXPECT_EQ(trace.box, (Box{0, 0, 6, 12}));
  EXPECT_EQ(trace.shown, (Box{0, 0, 4, 8}));
  EXPECT_EQ(scratch.image.row<uint8_t>(4)[0], 127);
}

}  // namespace
}  // namespace vistas::vision
