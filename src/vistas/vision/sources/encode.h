// Pixels to picture files.
#pragma once

#include <filesystem>
#include <string>

#include "vistas/vision/sources/image.h"

namespace vistas::vision {

// A PNG file in memory: u8 or u16 pixels of 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA)
// channels. Anything else is a usage error.
std::string encode_png(const ImageView& image);

// Written to a temporary file and renamed.
void write_png(const std::filesystem::path& path, const ImageView& image);

// A baseline JPEG file in memory: u8 pixels of 1 or 3 channels, quality 1 to 100; chroma at half
// resolution below quality 90, as PIL and libjpeg programs usually write it.
std::string encode_jpeg(const ImageView& image, int quality);

}  // namespace vistas::vision
