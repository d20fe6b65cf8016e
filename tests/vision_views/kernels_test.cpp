// The vector kernels against plain restatements, for every instruction set that this processor has.
#include "vistas/vision/views/kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "vision_views/every_target.h"
#include "vistas/base/random.h"

namespace vistas::vision::kernels {
namespace {

std::vector<uint8_t> noise(size_t n, uint64_t seed = 1) {
  Draws draws({.seed = seed});
  std::vector<uint8_t> bytes(n);
  for (uint8_t& b : bytes) b = static_cast<uint8_t>(draws.bits());
  return bytes;
}

const size_t kLengths[] = {1, 2, 3, 15, 16, 17, 31, 63, 64, 65, 127, 255, 257, 1000};

int grey_level(int r, int g, int b) {
  return (19595 * r + 38470 * g + 7471 * b + 32768) >> 16;
}

uint8_t blended(int degenerate, int value, float factor) {
  const float d = static_cast<float>(degenerate), v = static_cast<float>(value);
  const float mixed = factor * (v - d);
  return static_cast<uint8_t>(std::clamp(d + mixed, 0.0F, 255.0F));
}

// Pillow's rgb2hsv and hsv2rgb, in its own order and types.
void pillow_hue(const uint8_t* in, int shift, uint8_t* out) {
  const int r = in[0], g = in[1], b = in[2];
  const int high = std::max({r, g, b}), low = std::min({r, g, b});
  int uh = 0, us = 0;
  if (high != low) {
    const float range = static_cast<float>(high - low);
    const float s = range / static_cast<float>(high);
    const float rc = static_cast<float>(high - r) / range;
    const float gc = static_cast<float>(high - g) / range;
    const float bc = static_cast<float>(high - b) / range;
    double h = 0;
    if (r == high) {
      h = static_cast<double>(bc - gc);
    } else if (g == high) {
      h = static_cast<double>(
          static_cast<float>(2.0 + static_cast<double>(rc) - static_cast<double>(bc)));
    } else {
      h = static_cast<double>(
          static_cast<float>(4.0 + static_cast<double>(gc) - static_cast<double>(rc)));
    }
    const float turn = static_cast<float>(std::fmod(h / 6.0 + 1.0, 1.0));
    uh = static_cast<int>(static_cast<double>(turn) * 255.0);
    us = static_cast<int>(static_cast<double>(s) * 255.0);
  }
  uh = (uh + shift) & 255;
  const auto v = static_cast<uint8_t>(high);
  if (us == 0) {
    std::fill_n(out, 3, v);
    return;
  }
  const double sixth = static_cast<double>(static_cast<float>(uh)) * 6.0 / 255.0;
  const int i = static_cast<int>(std::floor(sixth));
  const double f = static_cast<double>(static_cast<float>(sixth - i));
  const double fs = static_cast<double>(static_cast<float>(us / 255.0));
  const auto level = [v](double x) { return static_cast<uint8_t>(std::round(v * x)); };
  const uint8_t p = level(1.0 - fs), q = level(1.0 - fs * f), t = level(1.0 - fs * (1.0 - f));
  const uint8_t table[6][3] = {{v, t, p}, {q, v, p}, {p, v, t}, {p, q, v}, {t, p, v}, {v, p, q}};
  std::copy_n(table[i % 6], 3, out);
}

// All colours whose red is `red`.
std::vector<uint8_t> plane_of_colours(int red) {
  std::vector<uint8_t> pixels;
  for (int g = 0; g < 256; ++g) {
    for (int b = 0; b < 256; ++b) {
      for (const int v : {red, g, b}) pixels.push_back(static_cast<uint8_t>(v));
    }
  }
  return pixels;
}

TEST(Kernels, HueOfAllColours) {
  const int reds[] = {0, 1, 2, 5, 30, 60, 100, 127, 128, 170, 200, 230, 254, 255};
  for (const int red : reds) {
    const auto pixels = plane_of_colours(red);
    const int shift = (red * 37) & 255;
    std::vector<uint8_t> want(pixels.size()), got(pixels.size());
    for (size_t i = 0; i < pixels.size(); i += 3) pillow_hue(&pixels[i], shift, &want[i]);
    on_every_target([&] {
      turn_hue(pixels.data(), pixels.size() / 3, shift, got.data());
      EXPECT_EQ(got, want) << "red " << red;
    });
  }
}

TEST(Kernels, GreyOfAllColours) {
  for (int red = 0; red < 256; red += 15) {
    const auto pixels = plane_of_colours(red);
    std::vector<uint8_t> want(pixels.size()), got(pixels.size());
    uint64_t sum = 0;
    for (size_t i = 0; i < pixels.size(); i += 3) {
      const int level = grey_level(pixels[i], pixels[i + 1], pixels[i + 2]);
      std::fill_n(&want[i], 3, static_cast<uint8_t>(level));
      sum += static_cast<uint64_t>(level);
    }
    on_every_target([&] {
      grey(pixels.data(), pixels.size() / 3, got.data());
      EXPECT_EQ(got, want);
      EXPECT_EQ(sum_grey(pixels.data(), pixels.size() / 3), sum);
    });
  }
}

TEST(Kernels, BlendsOfManyFactors) {
  const auto pixels = plane_of_colours(77);
  Draws draws({.seed = 8});
  for (int i = 0; i < 30; ++i) {
    const float factor = static_cast<float>(draws.uniform(0, 2));
    const int level = static_cast<int>(draws.below(256));
    std::vector<uint8_t> flat(pixels.size()), saturated(pixels.size()), got(pixels.size());
    for (size_t k = 0; k < pixels.size(); ++k) {
      const size_t p = k / 3 * 3;
      flat[k] = blended(level, pixels[k], factor);
      saturated[k] =
          blended(grey_level(pixels[p], pixels[p + 1], pixels[p + 2]), pixels[k], factor);
    }
    on_every_target([&] {
      blend_constant(pixels.data(), pixels.size(), static_cast<float>(level), factor, got.data());
      EXPECT_EQ(got, flat) << factor;
      saturate(pixels.data(), pixels.size() / 3, factor, got.data());
      EXPECT_EQ(got, saturated) << factor;
    });
  }
}

// Every length, in place and not; bytes behind the end stay as they are.
void check_lengths(size_t bytes_each,
                   const std::function<void(const uint8_t*, size_t, uint8_t*)>& run) {
  for (const size_t n : kLengths) {
    const size_t bytes = n * bytes_each;
    auto pixels = noise(bytes + 8, n);
    std::vector<uint8_t> whole(bytes);
    for (size_t i = 0; i < n; ++i) run(&pixels[i * bytes_each], 1, &whole[i * bytes_each]);
    on_every_target([&] {
      auto in_place = pixels;
      run(in_place.data(), n, in_place.data());
      EXPECT_TRUE(std::equal(whole.begin(), whole.end(), in_place.begin())) << n;
      EXPECT_TRUE(std::equal(in_place.end() - 8, in_place.end(), pixels.end() - 8)) << n;
      std::vector<uint8_t> got(bytes);
      run(pixels.data(), n, got.data());
      EXPECT_EQ(got, whole) << n;
    });
  }
}

TEST(Kernels, AllLengths) {
  check_lengths(3, [](const uint8_t* in, size_t n, uint8_t* out) { grey(in, n, out); });
  check_lengths(3, [](const uint8_t* in, size_t n, uint8_t* out) { saturate(in, n, 1.3F, out); });
  check_lengths(3, [](const uint8_t* in, size_t n, uint8_t* out) { turn_hue(in, n, 40, out); });
  check_lengths(1, [](const uint8_t* in, size_t n, uint8_t* out) {
    blend_constant(in, n, 99.0F, 1.4F, out);
  });
  const auto table = noise(256, 3);
  check_lengths(1, [&table](const uint8_t* in, size_t n, uint8_t* out) {
    apply_table(in, n, table.data(), out);
  });
  for (const int threshold : {0, 1, 128, 255, 256}) {
    check_lengths(1, [threshold](const uint8_t* in, size_t n, uint8_t* out) {
      solarize(in, n, threshold, out);
    });
  }
}

TEST(Kernels, SumGreyOfAllLengths) {
  for (const size_t n : kLengths) {
    const auto pixels = noise(3 * n, n);
    uint64_t want = 0;
    for (size_t i = 0; i < n; ++i) {
      want +=
          static_cast<uint64_t>(grey_level(pixels[3 * i], pixels[3 * i + 1], pixels[3 * i + 2]));
    }
    on_every_target([&] { EXPECT_EQ(sum_grey(pixels.data(), n), want); });
  }
}

void check_resize_across(int channels, int count, int rows, Draws& draws) {
  const size_t step = static_cast<size_t>(channels), outputs = 1 + draws.bits() % 40;
  const int width = count + static_cast<int>(draws.below(9));
  const size_t row = static_cast<size_t>(width) * step + 1;
  const auto in = noise(row * static_cast<size_t>(rows) - 1, row);
  std::vector<int32_t> first, weights;
  for (size_t x = 0; x < outputs; ++x) {
    first.push_back(static_cast<int32_t>(draws.below(width - count + 1)));
    for (int k = 0; k < count; ++k) {
      weights.push_back(static_cast<int32_t>(draws.below(2 << 22) - (1 << 21)) / count);
    }
  }
  const size_t out_row = step * outputs;
  std::vector<uint8_t> want(out_row * static_cast<size_t>(rows)), got(want.size());
  for (size_t y = 0; y < static_cast<size_t>(rows); ++y) {
    for (size_t i = 0; i < out_row; ++i) {
      int64_t sum = 1 << 21;
      for (size_t k = 0; k < static_cast<size_t>(count); ++k) {
        const size_t pixel = static_cast<size_t>(first[i / step]) + k;
        sum += int64_t{weights[i / step * static_cast<size_t>(count) + k]} *
               in[y * row + pixel * step + i % step];
      }
      want[y * out_row + i] = static_cast<uint8_t>(std::clamp<int64_t>(sum >> 22, 0, 255));
    }
  }
  const AcrossTaps taps{first.data(), weights.data(), count, static_cast<int>(outputs)};
  on_every_target([&] {
    std::vector<uint8_t> copy;
    GreyMemory memory;
    if (channels == 1) {
      resize_across_grey(in.data(), row, width, rows, taps, memory, got.data(), out_row);
    } else {
      resize_across_rgb(in.data(), row, width, rows, taps, copy, got.data(), out_row);
    }
    EXPECT_EQ(got, want) << channels << " channels, " << count << " taps, " << rows << " rows";
  });
}

TEST(Kernels, ResizeAcrossEveryTapCount) {
  Draws draws({.seed = 6});
  for (const int channels : {1, 3}) {
    for (int count = 1; count <= 17; ++count) {
      for (const int rows : {1, 2, 3, 4, 5, 9}) check_resize_across(channels, count, rows, draws);
    }
  }
}

TEST(Kernels, ResizeDownEveryLength) {
  Draws draws({.seed = 7});
  for (const size_t n : kLengths) {
    const int count = 1 + static_cast<int>(n % 7);
    const auto in = noise(n * static_cast<size_t>(count), n);
    std::vector<int32_t> weights;
    for (int k = 0; k < count; ++k) {
      weights.push_back(static_cast<int32_t>(draws.below(2 << 22) - (1 << 21)) / count);
    }
    std::vector<uint8_t> want(n), got(n);
    for (size_t x = 0; x < n; ++x) {
      int64_t sum = 1 << 21;
      for (size_t k = 0; k < weights.size(); ++k) sum += int64_t{weights[k]} * in[k * n + x];
      want[x] = static_cast<uint8_t>(std::clamp<int64_t>(sum >> 22, 0, 255));
    }
    on_every_target([&] {
      resize_down(in.data(), n, weights.data(), count, n, got.data());
      EXPECT_EQ(got, want) << n;
    });
  }
}

TEST(Kernels, BoxLineEveryRadiusAndLength) {
  for (const int radius : {0, 1, 2, 5, 63}) {
    for (const size_t n : kLengths) {
      const size_t count = 2 * static_cast<size_t>(radius) + 3;
      const auto in = noise(n * count, n);
      std::vector<const uint8_t*> lines;
      for (size_t k = 0; k < count; ++k) lines.push_back(&in[k * n]);
      const uint32_t width = static_cast<uint32_t>(count) - 2;
      const auto inner = static_cast<uint32_t>((1 << 24) / (width + 0.7));
      const uint32_t outer = ((1U << 24) - width * inner) / 2;
      std::vector<uint8_t> want(n), got(n);
      for (size_t x = 0; x < n; ++x) {
        uint64_t middle = 0;
        for (size_t k = 1; k + 1 < count; ++k) middle += lines[k][x];
        const uint64_t edges = uint64_t{lines[0][x]} + lines[count - 1][x];
        want[x] = static_cast<uint8_t>((middle * inner + edges * outer + (1 << 23)) >> 24);
      }
      on_every_target([&] {
        box_line(lines.data(), radius, inner, outer, n, got.data());
        EXPECT_EQ(got, want) << radius << ", " << n;
      });
    }
  }
}

TEST(Kernels, WeightedSumEveryLength) {
  Draws draws({.seed = 9});
  for (const size_t count : {1, 2, 37}) {
    for (const size_t n : kLengths) {
      std::vector<float> in(n + count), weights(count), want(n), got(n);
      for (float& x : in) x = static_cast<float>(draws.uniform(-1, 1));
      for (float& w : weights) w = static_cast<float>(draws.uniform(-1, 1));
      std::vector<const float*> lines;
      for (size_t k = 0; k < count; ++k) lines.push_back(&in[k]);
      for (size_t x = 0; x < n; ++x) {
        for (size_t k = 0; k < count; ++k) {
          const volatile float product = weights[k] * lines[k][x];  // rounded, never fused
          want[x] += product;
        }
      }
      on_every_target([&] {
        weighted_sum(lines.data(), weights.data(), count, n, got.data());
        EXPECT_EQ(got, want) << count << " lines of " << n;
      });
    }
  }
}

TEST(Kernels, NormaliseEveryLength) {
  for (const size_t channels : {1, 3, 5}) {
    const size_t period = channels * kNormalisePeriod;
    std::vector<float> scale, shift;
    for (size_t i = 0; i < period; ++i) {
      scale.push_back(0.017F + 0.001F * static_cast<float>(i % channels));
      shift.push_back(-2.0F + static_cast<float>(i % channels));
    }
    for (const size_t n : kLengths) {
      const auto in = noise(n, n);
      on_every_target([&] {
        std::vector<float> got(n);
        normalise(in.data(), n, scale.data(), shift.data(), period, got.data());
        for (size_t i = 0; i < n; ++i) {
          const size_t c = i % channels;
          ASSERT_NEAR(got[i], static_cast<float>(in[i]) * scale[c] + shift[c], 1e-6) << i;
        }
      });
    }
  }
}

}  // namespace
}  // namespace vistas::vision::kernels
