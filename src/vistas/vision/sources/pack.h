// Packed files: a whole source in one memory-mapped file, read at memory speed.
//
// Layout, all numbers little-endian: "VISPACK1", u64 place and u64 size of the index, the
// pictures (each aligned to 64 bytes: raw rows, or a JPEG file), the index. The index: u32 number
// of classes and their names, u64 number of pictures, and for each its name, i64 label, u32
// height, u32 width, u8 channels, u8 pixel type, u8 1 for a JPEG file, u64 place, u64 size; a name
// is u32 length and bytes.
#pragma once

#include <cstdint>
#include <filesystem>

#include "vistas/base/options.h"
#include "vistas/vision/sources/sample_reader.h"

namespace vistas::vision {

struct PackOptions {
  int64_t max_side = 0;  // a longer side is scaled down to this (antialiased triangle filter)
  int64_t quality = 0;   // JPEG quality for 8-bit grey and RGB pictures; 0: raw pixels, the fastest
  int64_t threads = 0;   // 0: all cores

  void fields(Fields& f);
};

struct PackResult {
  int64_t pictures = 0;
  int64_t bytes = 0;  // of the packed file
  BadImages bad{};    // left out
};

// Writes all pictures of `source` to `path` (through a temporary file). `on_bad_image`: skip leaves
// bad pictures out, fail throws their error.
PackResult pack_source(const ImageSource& source, const std::filesystem::path& path,
                       const PackOptions& options = {}, const std::string& on_bad_image = "skip");

}  // namespace vistas::vision
