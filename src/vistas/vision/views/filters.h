// Blur and sharpening. `in` must not be a view of `out`.
#pragma once

#include <array>
#include <vector>

#include "vistas/vision/views/pixels.h"

namespace vistas::vision {

// Memory that calls reuse.
struct BlurScratch {
  std::vector<double> weights{};
  std::vector<float> taps{}, rows{}, line{};
  std::vector<int> places{};
  std::vector<const float*> float_lines{};
  std::array<std::vector<uint8_t>, 2> padded{};
  std::vector<const uint8_t*> lines{};
  Image between{};
};

// Pillow's GaussianBlur, where `sigma` is called radius: three extended box passes across, then
// three down (Gwosdek et al., "Theoretical foundations of Gaussian convolution by extended box
// filtering", SSVM 2011), edge pixels repeated, rounded after each pass. Bit for bit on 8-bit
// pixels.
void gaussian_blur(const ImageView& in, double sigma, BlurScratch& scratch, Image& out);

// torchvision's tensor gaussian_blur: taps exp(-x^2 / (2 sigma^2)) on an odd number of pixels,
// reflected at the border without repeating the edge, integers rounded half to even.
void tensor_gaussian_blur(const ImageView& in, int kernel, double sigma, BlurScratch& scratch,
                          Image& out);

// The same blur on one plane of floats, in place.
void tensor_gaussian_blur(float* plane, int height, int width, int kernel, double sigma,
                          BlurScratch& scratch);

// Blend with the picture smoothed by (1 1 1; 1 5 1; 1 1 1) / 13: factor 0 smooth, 1 unchanged, 2
// sharp.
void sharpness(const ImageView& in, double factor, Image& out);

}  // namespace vistas::vision
