// Classes of pixels: laid over a picture, or in colours of their own.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "vistas/vision/sources/image.h"

namespace vistas::look {

struct MaskOptions {
  double opacity = 0.55;    // of the colours on the picture
  int64_t ignore = 255;     // pixels of no class: the picture, or paper; -1: there are none
  int64_t background = -1;  // a class that is left as the picture, or black; -1: none
  bool legend = true;
};

// A copy of the picture, RGB, 8 bit, blended with the colours of the classes in `mask`, one channel
// of u8 of the same size. Below it the legend: for every class in the mask, but those not coloured,
// a field of its colour and names[class], or its number. A usage error for other masks.
vision::Image draw_mask(const vision::ImageView& picture, const vision::ImageView& mask,
                        std::span<const std::string> names = {}, const MaskOptions& options = {});

// The same without a picture: the colours themselves.
vision::Image paint_mask(const vision::ImageView& mask, std::span<const std::string> names = {},
                         const MaskOptions& options = {});

}  // namespace vistas::look
