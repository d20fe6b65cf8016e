// Picture files in memory to pixels: JPEG, PNG, WebP, TIFF, BMP, PNM/PAM/PFM, told by content.
//
// Pixels are those PIL gives: accurate inverse DCT, smooth chroma upsampling, no gamma, no colour
// profiles. EXIF and TIFF orientation are not applied (torchvision's loader does not either).
// CMYK becomes RGB as in PIL. Palettes are expanded, 1-, 2- and 4-bit samples become 8-bit ones,
// 16-bit and float samples stay as they are. Of several pages the first is read; animated WebP
// files are refused. A truncated file is an error, as in PIL.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "vistas/vision/sources/image.h"

namespace vistas::vision {

using Bytes = std::span<const std::byte>;

enum class PictureFormat : uint8_t { jpeg, png, webp, tiff, bmp, pnm, raw };

const char* name_of(PictureFormat format);  // "JPEG"

enum class Channels : uint8_t {
  keep,  // as many as the file has
  rgb,   // grey is copied three times, alpha is dropped (PIL's convert("RGB"))
  grey,  // 0.299 R + 0.587 G + 0.114 B in PIL's 16-bit fixed point (convert("L"))
};

struct DecodeOptions {
  Channels channels = Channels::keep;
  int64_t max_pixels = int64_t{1} << 28;  // a larger declared size is refused before allocating
  // JPEG only: decode at 1/2, 1/4 or 1/8 as long as the shorter side keeps this many pixels
  // (cheaper, and not the pixels of a full decode). 0: always full size.
  int scaled_side = 0;
};

// What decode() makes of a file.
struct PictureInfo {
  int height = 0, width = 0, channels = 0;
  PixelType type = PixelType::u8;
  PictureFormat format = PictureFormat::raw;
  Box whole() const { return {0, 0, height, width}; }
};

// Reads the header only. `name` appears in errors, which are data errors.
PictureInfo probe(Bytes bytes, const std::string& name, const DecodeOptions& options = {});

void decode(Bytes bytes, const std::string& name, const DecodeOptions& options, Image& out);

// Decodes at least `needed`, a box inside the picture, and returns a view into `out`; `got` says
// which part of the picture the view shows. The pixels are those of decode(). Baseline JPEG files
// yield exactly `needed` at a part of the cost, all others the whole picture.
ImageView decode_crop(Bytes bytes, const std::string& name, const DecodeOptions& options,
                      const Box& needed, Image& out, Box& got);

// How many damaged places libjpeg has met on this thread since the last call. Such files are
// decoded nevertheless, as PIL does.
int64_t take_decode_warnings();

// How many channels `channels` of them become; as convert_channels() below.
int channels_after(int channels, Channels wanted, const std::string& name);

// In place, for any pixel type; more than four channels can only be kept (a data error).
void convert_channels(Image& image, Channels wanted, const std::string& name);

}  // namespace vistas::vision
