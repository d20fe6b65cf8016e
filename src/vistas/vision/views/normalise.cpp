#include "vistas/vision/views/normalise.h"

#include <fmt/format.h>

#include "vistas/base/error.h"
#include "vistas/vision/views/kernels.h"

namespace vistas::vision {
namespace {

std::vector<double> per_channel(const std::vector<double>& numbers, int channels,
                                const char* name) {
  const size_t count = static_cast<size_t>(channels);
  if (numbers.size() == count) return numbers;
  if (numbers.size() == 1) return std::vector<double>(count, numbers[0]);
  throw Error(
      ErrorKind::usage,
      {.what = fmt::format("normalisation of pictures with {} channels: {}", channels, name),
       .got = fmt::format("{} numbers", numbers.size()),
       .expected = fmt::format("1 or {} numbers", channels)});
}

}  // namespace

Normaliser::Normaliser(const std::vector<double>& mean, const std::vector<double>& std,
                       int channels, PixelType type) {
  const std::vector<double> means = per_channel(mean, channels, "mean");
  const std::vector<double> stds = per_channel(std, channels, "std");
  for (size_t c = 0; c < means.size(); ++c) {
    if (!(stds[c] > 0)) {
      throw Error(ErrorKind::usage, {.what = "normalisation: std",
                                     .got = fmt::format("{}", stds[c]),
                                     .expected = "numbers above 0"});
    }
    scale_.push_back(static_cast<float>(1.0 / (white_of(type) * stds[c])));
    shift_.push_back(static_cast<float>(-means[c] / stds[c]));
  }
  const size_t period = means.size() * kernels::kNormalisePeriod;
  for (size_t i = means.size(); i < period; ++i) {
    scale_.push_back(scale_[i - means.size()]);
    shift_.push_back(shift_[i - means.size()]);
  }
}

void Normaliser::apply(const ImageView& in, float* out) const {
  if (in.type == PixelType::u8) {
    const Runs runs = runs_of(in);
    const size_t n = runs.pixels * static_cast<size_t>(in.channels);
    for (int y = 0; y < runs.count; ++y, out += n) {
      kernels::normalise(in.row<uint8_t>(y), n, scale_.data(), shift_.data(), scale_.size(), out);
    }
    return;
  }
  with_pixel_type(in.type, [&](auto p) {
    using T = decltype(p);
    for (int y = 0; y < in.height; ++y) {
      const T* from = in.row<T>(y);
      for (int x = 0; x < in.width; ++x) {
        for (size_t c = 0; c < static_cast<size_t>(in.channels); ++c) {
          *out++ = static_cast<float>(*from++) * scale_[c] + shift_[c];
        }
      }
    }
  });
}

}  // namespace vistas::vision
