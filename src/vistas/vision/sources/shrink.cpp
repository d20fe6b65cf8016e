#include "vistas/vision/sources/shrink.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace vistas::vision {
namespace {

// The weights of the inputs that make one output.
struct Taps {
  int first = 0;
  std::vector<float> weights{};  // of first, first + 1, ...; their sum is 1
};

std::vector<Taps> triangle_filter(int in, int out) {
  const double scale = static_cast<double>(in) / out;
  std::vector<Taps> all(static_cast<size_t>(out));
  for (int o = 0; o < out; ++o) {
    Taps& taps = all[static_cast<size_t>(o)];
    const double centre = (o + 0.5) * scale;
    taps.first = std::max(0, static_cast<int>(centre - scale + 0.5));
    const int end = std::min(in, static_cast<int>(centre + scale + 0.5));
    double sum = 0;
    for (int k = taps.first; k < end; ++k) {
      const double weight = std::max(0.0, 1 - std::abs(k + 0.5 - centre) / scale);
      taps.weights.push_back(static_cast<float>(weight));
      sum += weight;
    }
    for (float& w : taps.weights) w /= static_cast<float>(sum);
  }
  return all;
}

template <class T>
void shrink_as(const ImageView& in, Image& out) {
  const int channels = in.channels;
  const std::vector<Taps> across = triangle_filter(in.width, out.width());
  const std::vector<Taps> down = triangle_filter(in.height, out.height());
  const size_t row_size = static_cast<size_t>(out.width()) * static_cast<size_t>(channels);
  std::vector<float> narrow(row_size * static_cast<size_t>(in.height));
  for (int y = 0; y < in.height; ++y) {
    float* to = narrow.data() + static_cast<size_t>(y) * row_size;
    for (const Taps& taps : across) {
      for (int c = 0; c < channels; ++c) {
        const T* from = in.row<T>(y) + taps.first * channels + c;
        float sum = 0;
        for (const float w : taps.weights) {
          sum += w * static_cast<float>(*from);
          from += channels;
        }
        *to++ = sum;
      }
    }
  }
  std::vector<float> sums(row_size);
  for (int y = 0; y < out.height(); ++y) {
    const Taps& taps = down[static_cast<size_t>(y)];
    std::fill(sums.begin(), sums.end(), 0.0f);
    const float* from = narrow.data() + static_cast<size_t>(taps.first) * row_size;
    for (const float w : taps.weights) {
      for (size_t i = 0; i < row_size; ++i) sums[i] += w * from[i];
      from += row_size;
    }
    T* to = out.row<T>(y);
    for (size_t i = 0; i < row_size; ++i) {
      if constexpr (std::is_floating_point_v<T>) {
        to[i] = sums[i];
      } else {
        constexpr float kMost = std::numeric_limits<T>::max();
        to[i] = static_cast<T>(std::clamp(sums[i] + 0.5f, 0.0f, kMost));
      }
    }
  }
}

}  // namespace

void shrink(const ImageView& in, int height, int width, Image& out) {
  out.reset(height, width, in.channels, in.type);
  switch (in.type) {
    case PixelType::u8:
      shrink_as<uint8_t>(in, out);
      break;
    case PixelType::u16:
      shrink_as<uint16_t>(in, out);
      break;
    case PixelType::f32:
      shrink_as<float>(in, out);
      break;
  }
}

}  // namespace vistas::vision
