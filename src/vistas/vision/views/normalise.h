// From pixels to the numbers an encoder sees.
#pragma once

#include <vector>

#include "vistas/vision/views/pixels.h"

namespace vistas::vision {

// (value / white - mean) / std for every channel, as one multiplication and addition.
class Normaliser {
 public:
  // One number for each channel, or one for all. Throws a usage error for other counts or std <= 0.
  Normaliser(const std::vector<double>& mean, const std::vector<double>& std, int channels,
             PixelType type);

  // Writes height * width * channels interleaved floats.
  void apply(const ImageView& in, float* out) const;

 private:
  std::vector<float> scale_, shift_;  // one for each channel, repeated for the kernel
};

}  // namespace vistas::vision
