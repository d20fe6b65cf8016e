// What decode.cpp needs from each file format. Private to the sources.
#pragma once

#include <csetjmp>
#include <string>

#include "vistas/vision/sources/decode.h"

namespace vistas::vision {

// probe(): the picture as the file has it, or as decode() below makes it where the format can
// convert by itself. decode(): fills `out`; decode.cpp converts the channels afterwards.
// All throw data errors and check the declared size before they allocate.
struct Format {
  PictureFormat format;
  bool (*matches)(Bytes);
  PictureInfo (*probe)(Bytes, const std::string& name, const DecodeOptions&);
  void (*decode)(Bytes, const std::string& name, const DecodeOptions&, Image& out);
};

extern const Format kJpeg, kPng, kWebp, kTiff, kBmp, kPnm;

// See decode_crop(); `valid` is the part of `out` that shows the part `got` of the picture.
void decode_jpeg_crop(Bytes bytes, const std::string& name, const DecodeOptions& options,
                      const Box& needed, Image& out, Box& valid, Box& got);

// The samples of a PNG file of one channel and at most 8 bits as they are stored, one a byte:
// indices where there is a palette. Other files are data errors.
void decode_indices(Bytes bytes, const std::string& name, const DecodeOptions& options, Image& out);

[[noreturn]] void bad_picture(const std::string& name, PictureFormat format,
                              const std::string& why);

// Refuses empty and gigantic pictures.
void check_size(const std::string& name, PictureFormat format, int64_t height, int64_t width,
                int64_t channels, const DecodeOptions& options);

// PIL's CMYK to RGB; ink 0 is paper.
void cmyk_to_rgb(const uint8_t* cmyk, uint8_t* rgb, int pixels);

// Runs `work`, which calls a C library that reports errors by longjmp to `jump`; false if it did.
// Nothing in `work` may need a destructor.
template <class Work>
bool guarded(std::jmp_buf& jump, const Work& work) {
  if (setjmp(jump) != 0) return false;
  work();
  return true;
}

}  // namespace vistas::vision
