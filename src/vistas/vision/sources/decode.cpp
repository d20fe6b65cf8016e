#include "vistas/vision/sources/decode.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "vistas/base/error.h"
#include "vistas/vision/sources/formats.h"

namespace vistas::vision {
namespace {

constexpr int kMaxChannels = 64;

const Format& format_of(Bytes bytes, const std::string& name) {
  for (const Format* f : {&kJpeg, &kPng, &kWebp, &kTiff, &kBmp, &kPnm}) {
    if (f->matches(bytes)) return *f;
  }
  throw Error(ErrorKind::data, {.what = name + ": not a picture",
                                .got = bytes.empty() ? "an empty file" : "an unknown file type",
                                .expected = "JPEG, PNG, WebP, TIFF, BMP or PNM"});
}

// PIL's L = R * 19595 + G * 38470 + B * 7471 + 0x8000 >> 16, and its float counterpart.
template <class T>
T luma(const T* p) {
  if constexpr (std::is_floating_point_v<T>) {
    return p[0] * 0.299f + p[1] * 0.587f + p[2] * 0.114f;
  } else {
    return static_cast<T>((p[0] * 19595u + p[1] * 38470u + p[2] * 7471u + 0x8000u) >> 16);
  }
}

template <class T>
void convert_rows(const Image& in, Image& out) {
  const int from = in.channels(), to = out.channels();
  for (int y = 0; y < in.height(); ++y) {
    const T* s = in.row<T>(y);
    T* d = out.row<T>(y);
    for (int x = 0; x < in.width(); ++x, s += from, d += to) {
      if (to == 1) {
        d[0] = from >= 3 ? luma(s) : s[0];
      } else {
        for (int c = 0; c < 3; ++c) d[c] = from >= 3 ? s[c] : s[0];
      }
    }
  }
}

}  // namespace

const char* name_of(PictureFormat format) {
  constexpr std::array kNames{"JPEG", "PNG", "WebP", "TIFF", "BMP", "PNM", "raw"};
  return kNames[static_cast<size_t>(format)];
}

int channels_after(int channels, Channels wanted, const std::string& name) {
  if (wanted == Channels::keep) return channels;
  if (channels > 4) {
    throw Error(ErrorKind::data, {.what = name + ": cannot be converted to " +
                                          (wanted == Channels::rgb ? "RGB" : "grey"),
                                  .got = fmt::format("{} channels", channels),
                                  .expected = "at most 4",
                                  .fix = "Keep the channels of the files (channels = keep)"});
  }
  return wanted == Channels::rgb ? 3 : 1;
}

void bad_picture(const std::string& name, PictureFormat format, const std::string& why) {
  throw Error(ErrorKind::data, {.what = fmt::format("{}: cannot decode this {} file: {}", name,
                                                    name_of(format), why)});
}

void check_size(const std::string& name, PictureFormat format, int64_t height, int64_t width,
                int64_t channels, const DecodeOptions& options) {
  if (height < 1 || width < 1 || channels < 1 || channels > kMaxChannels) {
    bad_picture(name, format,
                fmt::format("it declares {} x {} pixels of {} channels", width, height, channels));
  }
  int64_t pixels = 0;
  constexpr int64_t kMaxSide = 1 << 28;
  if (height > kMaxSide || width > kMaxSide || __builtin_mul_overflow(height, width, &pixels) ||
      pixels > options.max_pixels || pixels * channels > 4 * options.max_pixels) {
    throw Error(ErrorKind::data,
                {.what = name + ": picture too large",
                 .got = fmt::format("{} x {} pixels, {} channels", width, height, channels),
                 .expected = fmt::format("at most {} pixels", options.max_pixels),
                 .fix = "If it is meant to be so large: --set data.max_pixels=N in training"});
  }
}

void cmyk_to_rgb(const uint8_t* cmyk, uint8_t* rgb, int pixels) {
  for (int i = 0; i < pixels; ++i, cmyk += 4, rgb += 3) {
    const int paper = 255 - cmyk[3];
    for (int c = 0; c < 3; ++c) {
      const int product = cmyk[c] * paper + 128;
      rgb[c] = static_cast<uint8_t>(std::max(0, paper - ((product >> 8) + product) / 256));
    }
  }
}

void convert_channels(Image& image, Channels wanted, const std::string& name) {
  const int channels = channels_after(image.channels(), wanted, name);
  if (channels == image.channels()) return;
  thread_local Image converted;
  converted.reset(image.height(), image.width(), channels, image.type());
  switch (image.type()) {
    case PixelType::u8:
      convert_rows<uint8_t>(image, converted);
      break;
    case PixelType::u16:
      convert_rows<uint16_t>(image, converted);
      break;
    case PixelType::f32:
      convert_rows<float>(image, converted);
      break;
  }
  std::swap(image, converted);
}

PictureInfo probe(Bytes bytes, const std::string& name, const DecodeOptions& options) {
  PictureInfo info = format_of(bytes, name).probe(bytes, name, options);
  info.channels = channels_after(info.channels, options.channels, name);
  return info;
}

void decode(Bytes bytes, const std::string& name, const DecodeOptions& options, Image& out) {
  format_of(bytes, name).decode(bytes, name, options, out);
  convert_channels(out, options.channels, name);
}

ImageView decode_crop(Bytes bytes, const std::string& name, const DecodeOptions& options,
                      const Box& needed, Image& out, Box& got) {
  if (kJpeg.matches(bytes)) {
    Box valid;
    decode_jpeg_crop(bytes, name, options, needed, out, valid, got);
    convert_channels(out, options.channels, name);
    return out.view().crop(valid);
  }
  decode(bytes, name, options, out);
  got = {0, 0, out.height(), out.width()};
  return out.view();
}

}  // namespace vistas::vision
