// Warps and blurs of random pictures: kernels against the plain code, for every instruction set.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "vision_views/every_target.h"
#include "vistas/base/random.h"
#include "vistas/vision/views/filters.h"
#include "vistas/vision/views/geometry.h"

namespace vistas::vision {
namespace {

Image noise(int height, int width, int channels, Draws& draws) {
  Image image(height, width, channels);
  uint8_t* pixels = image.row<uint8_t>(0);
  for (size_t i = 0; i < image.size_bytes(); ++i) pixels[i] = static_cast<uint8_t>(draws.bits());
  return image;
}

// The same values as 16-bit pixels, which are warped without kernels.
Image widened(const ImageView& in) {
  Image out(in.height, in.width, in.channels, PixelType::u16);
  for (int y = 0; y < in.height; ++y) {
    std::copy_n(in.row<uint8_t>(y), in.width * in.channels, out.row<uint16_t>(y));
  }
  return out;
}

// Bytes end at 255; the cubic of 16-bit pixels may swing above.
std::vector<uint8_t> narrowed(const Image& image) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i < image.size_bytes() / 2; ++i) {
    bytes.push_back(static_cast<uint8_t>(std::min<int>(image.row<uint16_t>(0)[i], 255)));
  }
  return bytes;
}

using Warp = std::function<void(const ImageView&, const WarpOptions&, WarpScratch&, Image&)>;

void check_warp(const ImageView& image, const WarpOptions& options, const Warp& warp) {
  WarpScratch scratch;
  Image plain, got;
  warp(widened(image).view(), options, scratch, plain);
  const std::vector<uint8_t> want = narrowed(plain);
  on_every_target([&] {
    warp(image, options, scratch, got);
    const uint8_t* bytes = got.row<uint8_t>(0);
    ASSERT_EQ(got.size_bytes(), want.size());
    EXPECT_TRUE(std::equal(want.begin(), want.end(), bytes))
        << "interpolation " << static_cast<int>(options.interpolation) << ": " << image.height
        << " x " << image.width << " x " << image.channels;
  });
}

// Random pictures, each cut out of a larger one: what lies around it must not show.
void each_picture(const std::function<void(const ImageView&, const WarpOptions&, Draws&)>& check) {
  Draws draws({.seed = 21});
  for (const auto kind :
       {Interpolation::nearest, Interpolation::bilinear, Interpolation::bicubic}) {
    for (const int channels : {1, 2, 3, 4}) {
      for (int i = 0; i < 20; ++i) {
        const int limit = i < 10 ? 4 : 70;
        const int h = 1 + static_cast<int>(draws.below(limit));
        const int w = 1 + static_cast<int>(draws.below(limit));
        const Image whole = noise(h + 2, w + 2, channels, draws);
        const WarpOptions options{kind, static_cast<double>(draws.below(256))};
        check(whole.view().crop({1, 1, h, w}), options, draws);
      }
    }
  }
}

TEST(Warps, RotationsOfBytesAreThoseOfWidePixels) {
  each_picture([](const ImageView& image, const WarpOptions& options, Draws& draws) {
    const Rotation rotation{.degrees = draws.uniform(-180, 180), .expand = draws.chance(0.5)};
    const auto warp = [&](const ImageView& in, const WarpOptions& o, WarpScratch& s, Image& out) {
      rotate(in, rotation, o, s, out);
    };
    check_warp(image, options, warp);
  });
}

TEST(Warps, AffineMotionsOfBytesAreThoseOfWidePixels) {
  each_picture([](const ImageView& image, const WarpOptions& options, Draws& draws) {
    const AffineMotion motion{.degrees = draws.uniform(-180, 180),
                              .translate = {draws.uniform(-9, 9), draws.uniform(-9, 9)},
                              .scale = draws.uniform(0.2, 3),
                              .shear_degrees = {draws.uniform(-40, 40), draws.uniform(-40, 40)}};
    const auto warp = [&](const ImageView& in, const WarpOptions& o, WarpScratch& s, Image& out) {
      affine(in, motion, o, s, out);
    };
    check_warp(image, options, warp);
  });
}

TEST(Warps, PerspectivesOfBytesAreThoseOfWidePixels) {
  each_picture([](const ImageView& image, const WarpOptions& options, Draws& draws) {
    Corners start, end;
    for (Corners* corners : {&start, &end}) {
      for (Point& p : *corners) {
        p = {draws.uniform(-2, image.width + 2), draws.uniform(-2, image.height + 2)};
      }
    }
    const auto warp = [&](const ImageView& in, const WarpOptions& o, WarpScratch& s, Image& out) {
      perspective(in, start, end, o, s, out);
    };
    check_warp(image, options, warp);
  });
}

TEST(Warps, DisplacementsOfBytesAreThoseOfWidePixels) {
  each_picture([](const ImageView& image, const WarpOptions& options, Draws& draws) {
    std::vector<float> dx(static_cast<size_t>(image.height * image.width)), dy(dx.size());
    for (std::vector<float>* field : {&dx, &dy}) {
      for (float& x : *field) x = static_cast<float>(draws.uniform(-5, 5));
    }
    // Border cases: whole pixels, the last place inside, and places that no integer holds.
    const float special[] = {0.0F, -0.5F, 0.5F, 0.49999997F, 1e30F, -INFINITY, NAN};
    for (size_t i = 0; i < dx.size(); i += 3) dx[i] = special[draws.below(std::size(special))];
    const auto warp = [&](const ImageView& in, const WarpOptions& o, WarpScratch& s, Image& out) {
      displace(in, dx, dy, o, s, out);
    };
    check_warp(image, options, warp);
  });
}

// torchvision's blur in its plain form, rounded after every step.
std::vector<float> blurred(const std::vector<float>& in, int height, int width, int channels,
                           int kernel, double sigma) {
  const auto reflect = [](int i, int n) {
    while (n > 1 && (i < 0 || i >= n)) i = i < 0 ? -i : 2 * (n - 1) - i;
    return n > 1 ? i : 0;
  };
  std::vector<double> weights;
  double total = 0;
  for (int k = 0; k < kernel; ++k) {
    const double x = (k - kernel / 2) / sigma;
    weights.push_back(std::exp(-0.5 * x * x));
    total += weights.back();
  }
  const auto pass = [&](const std::vector<float>& from, int step_y, int step_x) {
    std::vector<float> to;
    for (int y = 0; y < height; ++y) {
      for (int i = 0; i < width * channels; ++i) {
        float sum = 0;
        for (int k = 0; k < kernel; ++k) {
          const int row = reflect(y + step_y * (k - kernel / 2), height);
          const int column = reflect(i / channels + step_x * (k - kernel / 2), width);
          const size_t at = static_cast<size_t>((row * width + column) * channels + i % channels);
          const volatile float product =
              static_cast<float>(weights[static_cast<size_t>(k)] / total) * from[at];
          sum += product;
        }
        to.push_back(sum);
      }
    }
    return to;
  };
  return pass(pass(in, 0, 1), 1, 0);
}

TEST(Blurs, FloatsAsThePlainForm) {
  Draws draws({.seed = 22});
  BlurScratch scratch;
  for (int i = 0; i < 40; ++i) {
    const int h = 1 + static_cast<int>(draws.below(40)), w = 1 + static_cast<int>(draws.below(40));
    const int channels = 1 + i % 4, kernel = 1 + 2 * static_cast<int>(draws.below(25));
    const double sigma = draws.uniform(0.3, 6);
    std::vector<float> pixels(static_cast<size_t>(h * w * channels));
    for (float& x : pixels) x = static_cast<float>(draws.uniform());
    const std::vector<float> want = blurred(pixels, h, w, channels, kernel, sigma);
    const ImageView image{
        reinterpret_cast<const std::byte*>(pixels.data()), h, w, channels, PixelType::f32,
        static_cast<size_t>(w * channels) * sizeof(float)};
    on_every_target([&] {
      Image got;
      tensor_gaussian_blur(image, kernel, sigma, scratch, got);
      EXPECT_TRUE(std::equal(want.begin(), want.end(), got.row<float>(0)))
          << h << " x " << w << " x " << channels << ", " << kernel << " taps";
    });
  }
}

}  // namespace
}  // namespace vistas::vision
