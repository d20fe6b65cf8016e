// What the fuzz targets of the picture formats share.
#pragma once

#include <cstdint>
#include <cstdlib>

#include "vistas/base/error.h"
#include "vistas/vision/sources/formats.h"

namespace vistas::vision {

// Decodes the bytes in every way; anything but a picture of the promised form or an Error is a bug.
inline void fuzz_picture(const uint8_t* data, size_t size, const Format& format) {
  const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  if (!format.matches(bytes)) return;
  for (const Channels channels : {Channels::keep, Channels::rgb, Channels::grey}) {
    const DecodeOptions options{.channels = channels, .max_pixels = 1 << 16};
    try {
      const PictureInfo info = probe(bytes, "input", options);
      Image image;
      decode(bytes, "input", options, image);
      if (image.height() != info.height || image.width() != info.width ||
          image.channels() != info.channels || image.type() != info.type) {
        std::abort();
      }
    } catch (const Error&) {
    }
  }
}

}  // namespace vistas::vision
