// Antialiased resizing of a crop with Pillow's arithmetic.
#pragma once

#include <cstdint>
#include <vector>

#include "vistas/vision/views/kernels.h"
#include "vistas/vision/views/pixels.h"

namespace vistas::vision {

// The weights of a one-dimensional resize of n pixels to m: output i is the sum over k < count of
// weight[i * count + k] * input[first[i] + k]; unused weights are 0 and never reach outside.
struct Taps {
  int count = 0;
  std::vector<int32_t> first{};
  std::vector<int32_t> fixed{};  // round(weight * 2^22), for 8-bit pixels
  std::vector<float> real{};     // for 16-bit and float pixels
};

struct ResizeOptions {
  Interpolation interpolation = Interpolation::bilinear;
  bool mirror = false;          // the result is flipped left to right
  bool vertical_first = false;  // Pillow 13 does this for some shapes; both orders round in between
  Box window{};                 // the part of the result to compute; empty: all of it
};

// Memory that calls reuse.
struct ResizeScratch {
  Taps across{}, down{};
  std::vector<double> weights{};
  std::vector<uint8_t> last_rows{};
  kernels::GreyMemory grey{};
  Image between{}, unmirrored{};
};

// Resizes the part `crop` of a picture to height x width as Pillow's crop().resize() does, bit for
// bit on 8-bit pixels. With s = n / m and f = max(s, 1), output i is centred at c = (i + 0.5) s;
// tap j has weight k((j - c + 0.5) / f), k the triangle or the cubic with a = -0.5; taps stop at
// the border of the crop. 8-bit weights are rounded to 22 bits and the result of each pass to 8
// bits; 16-bit and float pixels use float weights. A pass that would not change the size is left
// out.
void resized_crop(const ImageView& image, const Box& crop, int height, int width,
                  const ResizeOptions& options, ResizeScratch& scratch, Image& out);

}  // namespace vistas::vision
