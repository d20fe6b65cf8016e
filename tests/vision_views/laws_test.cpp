// The laws of the random parameters: chi-square tests of what operations draw, with fixed seeds.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <set>

#include "vistas/vision/views/colour.h"
#include "vistas/vision/views/maker.h"
#include "vistas/vision/views/tone.h"

namespace vistas::vision {
namespace {

constexpr int kSamples = 40000;
constexpr int kHeight = 18, kWidth = 30;
constexpr int kHuge = 100'000'000;  // where rounding to whole pixels does not matter

DrawKey key_of(int sample) {
  return {.seed = 5, .epoch = 1, .sample = static_cast<uint64_t>(sample)};
}

// An operation with parameters as in a recipe: "degrees = 30, scale = [0.5, 2]".
ViewOp op(const std::string& name, const std::string& parameters = "") {
  return {name, 1, parse_toml("op = {" + parameters + "}", name).table().at("op").table()};
}

// What is drawn for a parameter, as a number that is uniform on [0, 1) if its law holds: the value
// of the distribution function. `cells` parts of that interval are told apart.
struct Law {
  std::string operation, parameter;
  int cells;
  std::function<double(Draws&)> level;
};

// The levels of a uniform law and of a choice from `count` numbers from `first` on.
double between(double x, double low, double high) {
  return (x - low) / (high - low);
}
double choice(double x, double first, double count) {
  return (x - first + 0.5) / count;
}

// Several independent levels as one: cell by cell of their product.
struct Cells {
  double level;
  int count;
};
double together(const std::vector<Cells>& parts) {
  double cell = 0, count = 1;
  for (const Cells& part : parts) {
    if (part.level < 0 || part.level >= 1) return part.level;
    cell = cell * part.count + std::floor(part.level * part.count);
    count *= part.count;
  }
  return choice(cell, 0, count);
}

// The law of what an operation draws for a height x width view.
template <class Drawn>
Law law(const ViewOp& op, const std::string& parameter, int cells,
        const std::function<double(const Drawn&)>& level, int height = kHeight,
        int width = kWidth) {
  const std::shared_ptr<const Operation> made = make_operation(op);
  return {op.name, parameter, cells, [=](Draws& draws) {
            const auto& random = dynamic_cast<const RandomOperation<Drawn>&>(*made);
            return level(random.drawn(height, width, draws));
          }};
}

// The law of where a picture is cut and shown.
Law placed(const ViewOp& op, const std::string& parameter, int cells,
           const std::function<double(const Placement&)>& level, const Extent& picture,
           const Extent& view) {
  const std::shared_ptr<const Operation> made = make_operation(op);
  return {op.name, parameter, cells, [=](Draws& draws) {
            const auto& framing = dynamic_cast<const Framing&>(*made);
            return level(framing.place(picture, view, draws));
          }};
}

// The law of the box that is cut out of a height x width picture.
Law crop(const ViewOp& op, const std::string& parameter, int cells,
         const std::function<double(const Box&)>& level, int height = kHuge, int width = kHuge) {
  return placed(op, parameter, cells, [=](const Placement& p) { return level(p.from); },
                {height, width}, {64, 64});
}

// The law of what can be seen after an operation on a row of two white pixels of 6 channels.
Law seen(const ViewOp& op, const std::string& parameter, int cells,
         const std::function<double(const ViewState&)>& level) {
  const std::shared_ptr<const Operation> made = make_operation(op);
  const auto state = std::make_shared<ViewState>();
  return {op.name, parameter, cells, [=](Draws& draws) {
            state->draws = draws;
            state->image.reset(1, 2, 6);
            std::fill_n(state->image.row<uint8_t>(0), 12, uint8_t{255});
            made->apply(*state);
            return level(*state);
          }};
}

double place_of(const Box& box, int height, int width, int steps) {
  return together({{(box.top + 0.5) / (height - box.height + 1), steps},
                   {(box.left + 0.5) / (width - box.width + 1), steps}});
}

double area_of(const Box& box) {
  return static_cast<double>(box.height) * box.width / kHuge / kHuge;
}

double log_ratio(double a, double b) {
  return std::log(a / b);
}

void add_crops(std::vector<Law>& laws) {
  // Boxes that always fit, so that the tries do not bend the law.
  const ViewOp fits = op("random_resized_crop", "scale = [0.1, 0.5]");
  laws.push_back(crop(fits, "area", 25, [](auto& b) { return between(area_of(b), 0.1, 0.5); }));
  laws.push_back(crop(fits, "ratio", 25, [](auto& b) {
    return between(log_ratio(b.width, b.height), std::log(0.75), std::log(4.0 / 3.0));
  }));
  laws.push_back(crop(
      fits, "place", 36, [](auto& b) { return place_of(b, 4000, 3000, 6); }, 4000, 3000));
  // 25 places of a 6 x 6 box, no rounding of a continuous law in between.
  laws.push_back(crop(
      op("random_resized_crop", "scale = 0.36, ratio = 1"), "place of few", 25,
      [](auto& b) {
        return together({{choice(b.top, 0, 5), 5}, {choice(b.left, 0, 5), 5}});
      },
      10, 10));
  laws.push_back(placed(op("scale_jitter", "scale = [0.5, 1]"), "scale", 25,
                        [](auto& p) { return between(p.to.height, kHuge / 2.0, kHuge); },
                        {kHuge, kHuge}, {kHuge, kHuge}));
  const auto place = [](const Box& b) {
    return together({{choice(b.top, 0, 7), 7}, {choice(b.left, 0, 7), 7}});
  };
  laws.push_back(placed(op("scale_jitter", "scale = 2"), "window", 49,
                        [=](auto& p) { return place(p.from); }, {12, 12}, {12, 12}));
  laws.push_back(placed(op("scale_jitter", "scale = 0.5"), "place in the view", 49,
                        [=](auto& p) { return place(p.to); }, {12, 12}, {12, 12}));
}

void add_warps(std::vector<Law>& laws) {
  laws.push_back(law<Rotation>(op("rotate", "degrees = 30"), "angle", 25,
                               [](auto& r) { return between(r.degrees, -30, 30); }));

  // Shifts up to 4.5 and 7.5 pixels, rounded: 9 and 15 whole numbers.
  const ViewOp affine =
      op("affine", "degrees = 30, translate = 0.25, scale = [0.5, 2], shear = 20");
  const auto add_affine = [&](const char* parameter, int cells, auto level) {
    laws.push_back(law<AffineMotion>(affine, parameter, cells, level));
  };
  const auto angle = [](auto& m) { return between(m.degrees, -30, 30); };
  const auto right = [](auto& m) { return choice(m.translate.x, -7, 15); };
  const auto down = [](auto& m) { return choice(m.translate.y, -4, 9); };
  const auto scale = [](auto& m) { return between(m.scale, 0.5, 2); };
  const auto shear = [](auto& m) { return between(m.shear_degrees.x, -20, 20); };
  add_affine("angle", 25, angle);
  add_affine("shift to the right", 15, right);
  add_affine("shift down", 9, down);
  add_affine("scale", 25, scale);
  add_affine("shear", 25, shear);
  add_affine("all", 72, [=](auto& m) {
    return together({{angle(m), 2}, {right(m), 3}, {down(m), 3}, {scale(m), 2}, {shear(m), 2}});
  });

  // Corners move by 0 to 5 pixels across and 0 to 3 down.
  const ViewOp perspective = op("perspective", "distortion = 0.35");
  const auto x = [](const Corners& c, size_t i) {
    return choice(c[i].x, i == 1 || i == 2 ? kWidth - 6 : 0, 6);
  };
  const auto y = [](const Corners& c, size_t i) {
    return choice(c[i].y, i >= 2 ? kHeight - 4 : 0, 4);
  };
  for (size_t i = 0; i < 4; ++i) {
    laws.push_back(law<Corners>(perspective, "corner " + std::to_string(i), 24, [=](auto& c) {
      return together({{x(c, i), 6}, {y(c, i), 4}});
    }));
  }
  laws.push_back(law<Corners>(perspective, "all corners", 256, [=](auto& c) {
    std::vector<Cells> halves;
    for (size_t i = 0; i < 4; ++i) halves.insert(halves.end(), {{x(c, i), 2}, {y(c, i), 2}});
    return together(halves);
  }));

  // A kernel of one tap leaves the noise as it is.
  laws.push_back(seen(op("elastic", "alpha = 3, sigma = 0.1"), "noise", 64, [](auto& s) {
    return together(
        {{between(s.dx[0], -3, 3), 4}, {between(s.dx[1], -3, 3), 4}, {between(s.dy[0], -3, 3), 4}});
  }));
}

// The rank of a permutation of 0 .. 3 among the 24.
int rank_of(const std::array<int, 4>& order) {
  int rank = 0;
  for (size_t k = 0; k < 4; ++k) {
    const auto later = order.begin() + static_cast<ptrdiff_t>(k) + 1;
    rank = rank * static_cast<int>(4 - k) +
           static_cast<int>(std::count_if(later, order.end(), [&](int i) { return i < order[k]; }));
  }
  return rank;
}

void add_jitter(std::vector<Law>& laws) {
  const ViewOp jitter =
      op("color_jitter", "brightness = 0.4, contrast = 1.5, saturation = 0.7, hue = 0.2");
  const auto add = [&](const char* parameter, int cells, auto level) {
    laws.push_back(law<Jitter>(jitter, parameter, cells, level));
  };
  const auto order = [](auto& j) { return choice(rank_of(j.order), 0, 24); };
  const auto bright = [](auto& j) { return between(j.brightness, 0.6, 1.4); };
  const auto contrast = [](auto& j) { return between(j.contrast, 0, 2.5); };
  const auto saturation = [](auto& j) { return between(j.saturation, 0.3, 1.7); };
  const auto hue = [](auto& j) { return between(j.hue, -0.2, 0.2); };
  add("order", 24, order);
  add("brightness", 25, bright);
  add("contrast", 25, contrast);
  add("saturation", 25, saturation);
  add("hue", 25, hue);
  add("all", 384, [=](auto& j) {
    return together(
        {{order(j), 24}, {bright(j), 2}, {contrast(j), 2}, {saturation(j), 2}, {hue(j), 2}});
  });
}

void add_filters(std::vector<Law>& laws) {
  for (const char* blur : {"gaussian_blur", "tensor_gaussian_blur"}) {
    laws.push_back(law<double>(op(blur, "sigma = [0.3, 1.7]"), "sigma", 25,
                               [](auto& sigma) { return between(sigma, 0.3, 1.7); }));
  }
  laws.push_back(law<double>(op("sharpness", "factor = [0.2, 1.6]"), "factor", 25,
                             [](auto& factor) { return between(factor, 0.2, 1.6); }));
}

void add_erasures(std::vector<Law>& laws) {
  // Boxes that always fit.
  const ViewOp erase = op("erase", "scale = [0.02, 0.25], ratio = [0.3, 3.3]");
  const auto add_erase = [&](const char* parameter, int cells, auto level) {
    laws.push_back(law<Box>(erase, parameter, cells, level, kHuge, kHuge));
  };
  add_erase("area", 25, [](auto& b) { return between(area_of(b), 0.02, 0.25); });
  add_erase("ratio", 25, [](auto& b) {
    return between(log_ratio(b.height, b.width), std::log(0.3), std::log(3.3));
  });
  add_erase("place", 36, [](auto& b) { return place_of(b, kHuge, kHuge, 6); });

  // The square has 9 pixels, 4 of them before the middle.
  laws.push_back(law<Box>(op("cutout"), "middle", kHeight * kWidth, [](auto& b) {
    return together({{choice(b.top, -4, kHeight), kHeight}, {choice(b.left, -4, kWidth), kWidth}});
  }));

  laws.push_back(seen(op("channel_drop", "count = 2"), "pair of channels", 15, [](auto& s) {
    const uint8_t* pixel = s.image.template row<uint8_t>(0);
    const auto first = std::find(pixel, pixel + 6, 0) - pixel;
    const auto second = std::find(pixel + first + 1, pixel + 6, 0) - pixel;
    return choice(static_cast<double>(second * (second - 1) / 2 + first), 0, 15);
  }));
}

std::vector<Law> laws() {
  std::vector<Law> all;
  add_crops(all);
  add_warps(all);
  add_jitter(all);
  add_filters(all);
  add_erasures(all);
  return all;
}

void expect_law(const Law& law) {
  SCOPED_TRACE(law.operation + ": " + law.parameter);
  std::vector<int> counts(static_cast<size_t>(law.cells));
  for (int i = 0; i < kSamples; ++i) {
    Draws draws(key_of(i));
    const double level = law.level(draws);
    ASSERT_TRUE(level >= 0 && level < 1) << "beyond its range: " << level;
    ++counts[static_cast<size_t>(level * law.cells)];
  }
  const double expected = static_cast<double>(kSamples) / law.cells;
  double chi = 0;
  for (const int n : counts) chi += (n - expected) * (n - expected) / expected;
  // The bound is exceeded with probability 1e-6 (Wilson and Hilferty's approximation).
  const int freedom = law.cells - 1;
  const double a = 2.0 / (9 * freedom);
  EXPECT_LT(chi, freedom * std::pow(1 - a + 4.753 * std::sqrt(a), 3))
      << freedom << " degrees of freedom";
}

TEST(Laws, HoldForEveryParameter) {
  for (const Law& law : laws()) expect_law(law);
}

TEST(Laws, AreKnownOfEveryOperationThatDraws) {
  std::set<std::string> known, drawing;
  for (const Law& law : laws()) known.insert(law.operation);
  for (const OperationKind& kind : operation_kinds()) {
    const auto made = kind.make();
    ViewState state;
    state.image.reset(8, 8, 3);
    if (const auto* framing = dynamic_cast<const Framing*>(made.get())) {
      framing->place({8, 8}, {4, 4}, state.draws);
    } else {
      made->apply(state);
    }
    if (state.draws.bits() != Draws(DrawKey{}).bits()) drawing.insert(kind.name);
  }
  EXPECT_EQ(known, drawing);
}

// Within 5 standard deviations of what a probability makes likely.
void expect_share(int64_t count, double p) {
  EXPECT_NEAR(static_cast<double>(count), kSamples * p, 5 * std::sqrt(kSamples * p * (1 - p)));
}

TEST(Laws, BoxesThatDoNotFitAreTriedTenTimes) {
  // One in four fits: areas below a quarter at a ratio of 4.
  const auto cropped = make_operation(op("random_resized_crop", "scale = [1e-6, 1], ratio = 4"));
  const auto erased = make_operation(op("erase", "scale = [0, 1], ratio = 4"));
  const auto& framing = dynamic_cast<const Framing&>(*cropped);
  const auto& erase = dynamic_cast<const RandomOperation<Box>&>(*erased);
  int64_t middles = 0, nothing = 0;
  for (int i = 0; i < kSamples; ++i) {
    Draws one(key_of(i)), two(key_of(i));
    middles += framing.place({kHuge, kHuge}, {64, 64}, one).from ==
               Box{kHuge / 8 * 3, 0, kHuge / 4, kHuge};
    nothing += erase.drawn(kHuge, kHuge, two) == Box{};
  }
  expect_share(middles, std::pow(0.75, 10));
  expect_share(nothing, std::pow(0.75, 10));
}

TEST(Laws, CropFallsBackToTheMiddle) {
  // No box of that area and ratio fits into a strip.
  const auto made = make_operation(op("random_resized_crop", "scale = 1"));
  Draws draws(key_of(0));
  const auto& framing = dynamic_cast<const Framing&>(*made);
  EXPECT_EQ(framing.place({30, 300}, {64, 64}, draws).from, (Box{0, 130, 30, 40}));
}

TEST(Laws, OperationsAreAppliedWithTheirProbability) {
  const ViewSpec spec{
      .height = 2, .width = 2, .ops = {{"resize"}, {"hflip", 0.3}, {"invert", 0.7}}};
  const ViewMaker maker({{spec}}, 1, PixelType::u8);
  const uint8_t pixels[4] = {10, 20, 30, 40};
  const ImageView image{reinterpret_cast<const std::byte*>(pixels), 2, 2, 1, PixelType::u8, 2};
  ViewScratch scratch;
  int64_t flipped = 0, inverted = 0, both = 0;
  for (int i = 0; i < kSamples; ++i) {
    const ViewTrace trace = maker.make_pixels(image, key_of(i), 0, scratch);
    const int first = scratch.image.row<uint8_t>(0)[0];
    EXPECT_EQ(trace.hflip, first == 20 || first == 235);
    flipped += trace.hflip;
    inverted += first > 200;
    both += trace.hflip && first > 200;
  }
  expect_share(flipped, 0.3);
  expect_share(inverted, 0.7);
  expect_share(both, 0.21);
}

Image noise(int channels = 3) {
  Image image(kHeight, kWidth, channels);
  Draws draws({.seed = 77});
  for (size_t i = 0; i < image.size_bytes(); ++i) {
    image.row<uint8_t>(0)[i] = static_cast<uint8_t>(draws.below(256));
  }
  return image;
}

void expect_equal(const Image& got, const Image& want) {
  ASSERT_EQ(got.size_bytes(), want.size_bytes());
  EXPECT_EQ(std::memcmp(got.data(), want.data(), want.size_bytes()), 0);
}

// `by_hand` makes the picture of an operation from the numbers that were drawn.
template <class Drawn>
void expect_applied(
    const std::string& name,
    const std::function<void(const ImageView&, const Drawn&, ViewState&, Image&)>& by_hand) {
  SCOPED_TRACE(name);
  const auto made = make_operation(op(name));
  const auto& random = dynamic_cast<const RandomOperation<Drawn>&>(*made);
  const Image image = noise();
  ViewState state, other;
  Image want;
  for (int i = 0; i < 20; ++i) {
    state.image = image;
    state.draws = other.draws = Draws(key_of(i));
    made->apply(state);
    by_hand(image.view(), random.drawn(kHeight, kWidth, other.draws), other, want);
    expect_equal(state.image, want);
  }
}

TEST(Laws, WhatIsDrawnIsApplied) {
  const WarpOptions bilinear{Interpolation::bilinear};
  expect_applied<Rotation>("rotate", [&](auto& in, auto& by, auto& s, auto& out) {
    rotate(in, by, bilinear, s.warp, out);
  });
  expect_applied<AffineMotion>("affine", [&](auto& in, auto& by, auto& s, auto& out) {
    affine(in, by, bilinear, s.warp, out);
  });
  expect_applied<Corners>("perspective", [&](auto& in, auto& by, auto& s, auto& out) {
    const double right = kWidth - 1, bottom = kHeight - 1;
    const Corners start{{{0, 0}, {right, 0}, {right, bottom}, {0, bottom}}};
    perspective(in, start, by, bilinear, s.warp, out);
  });
  expect_applied<Jitter>("color_jitter", [](auto& in, auto& by, auto&, auto& out) {
    brightness(in, 1.0, out);
    for (const int step : by.order) {
      if (step == 0) brightness(out.view(), by.brightness, out);
      if (step == 1) contrast(out.view(), by.contrast, out);
      if (step == 2) saturation(out.view(), by.saturation, out);
      if (step == 3) hue(out.view(), by.hue, out);
    }
  });
  expect_applied<double>("gaussian_blur", [](auto& in, auto& by, auto& s, auto& out) {
    gaussian_blur(in, by, s.blur, out);
  });
  expect_applied<double>("tensor_gaussian_blur", [](auto& in, auto& by, auto& s, auto& out) {
    tensor_gaussian_blur(in, 23, by, s.blur, out);
  });
  expect_applied<double>("sharpness",
                         [](auto& in, auto& by, auto&, auto& out) { sharpness(in, by, out); });
  for (const char* name : {"erase", "cutout"}) {
    expect_applied<Box>(name, [](auto& in, auto& by, auto&, auto& out) { erase(in, by, 0, out); });
  }
}

TEST(Laws, ElasticDisplacementsAreSmoothedNoise) {
  ViewState noisy, smooth;
  noisy.image = smooth.image = noise(1);
  make_operation(op("elastic", "alpha = 1, sigma = 0.1"))->apply(noisy);
  make_operation(op("elastic", "alpha = 34, sigma = 2"))->apply(smooth);
  for (auto* field : {&noisy.dx, &noisy.dy}) {
    tensor_gaussian_blur(field->data(), kHeight, kWidth, 17, 2, noisy.blur);
  }
  for (size_t i = 0; i < smooth.dx.size(); ++i) {
    EXPECT_NEAR(smooth.dx[i], 34 * noisy.dx[i], 1e-4);
    EXPECT_NEAR(smooth.dy[i], 34 * noisy.dy[i], 1e-4);
  }
}

// The numbers come in the order that docs/views.md tells.
TEST(Laws, JitterDrawsItsOrderFirst) {
  const auto made = make_operation(op("color_jitter"));
  Draws draws(key_of(0)), same(key_of(0));
  const Jitter jitter = dynamic_cast<const RandomOperation<Jitter>&>(*made).drawn(1, 1, draws);
  const auto order = same.permutation(4);
  EXPECT_TRUE(std::equal(order.begin(), order.end(), jitter.order.begin()));
  for (const double factor : {jitter.brightness, jitter.contrast, jitter.saturation}) {
    EXPECT_DOUBLE_EQ(factor, same.uniform(0.2, 1.8));
  }
  EXPECT_DOUBLE_EQ(jitter.hue, same.uniform(-0.2, 0.2));
}

}  // namespace
}  // namespace vistas::vision
