// Pictures, picture files and folders that tests make for themselves.
#pragma once

#include <cstdio>  // jpeglib.h needs it

#include <jpeglib.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "support/temp_folder.h"
#include "vistas/base/random.h"
#include "vistas/vision/sources/decode.h"

namespace vistas::vision {

using test::TempFolder;

inline Bytes bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

// Smooth shapes with some noise, so that chroma subsampling and prediction have work to do.
inline Image test_picture(int height, int width, int channels, uint64_t seed = 0) {
  Image image(height, width, channels);
  Draws draws({seed, 0, 0, 0});
  std::vector<double> phase(static_cast<size_t>(channels));
  for (double& p : phase) p = draws.uniform(0, 6);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) {
        const double wave =
            127 + 90 * std::sin(0.11 * x + 0.07 * y * (c + 1) + phase[static_cast<size_t>(c)]);
        image.row<uint8_t>(y)[x * channels + c] = static_cast<uint8_t>(wave + draws.uniform(0, 38));
      }
    }
  }
  return image;
}

struct JpegForm {
  int h = 1, v = 1;  // sampling of the first component
  int quality = 85;
  bool progressive = false;
  J_COLOR_SPACE stored = JCS_UNKNOWN;  // unknown: grey or YCbCr
  int restart_rows = 0;
  bool arithmetic = false;
};

inline std::string jpeg_file(const Image& image, const JpegForm& form = {}) {
  jpeg_compress_struct c;
  jpeg_error_mgr errors;
  c.err = jpeg_std_error(&errors);
  jpeg_create_compress(&c);
  unsigned char* data = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&c, &data, &size);
  c.image_width = static_cast<JDIMENSION>(image.width());
  c.image_height = static_cast<JDIMENSION>(image.height());
  c.input_components = image.channels();
  c.in_color_space = image.channels() == 1   ? JCS_GRAYSCALE
                     : image.channels() == 4 ? JCS_CMYK
                                             : JCS_RGB;
  jpeg_set_defaults(&c);
  if (form.stored != JCS_UNKNOWN) jpeg_set_colorspace(&c, form.stored);
  jpeg_set_quality(&c, form.quality, TRUE);
  c.comp_info[0].h_samp_factor = form.h;
  c.comp_info[0].v_samp_factor = form.v;
  c.restart_in_rows = form.restart_rows;
  c.arith_code = form.arithmetic ? TRUE : FALSE;
  if (form.progressive) jpeg_simple_progression(&c);
  jpeg_start_compress(&c, TRUE);
  for (int y = 0; y < image.height(); ++y) {
    JSAMPROW row = const_cast<JSAMPROW>(image.row<JSAMPLE>(y));
    jpeg_write_scanlines(&c, &row, 1);
  }
  jpeg_finish_compress(&c);
  jpeg_destroy_compress(&c);
  std::string file(reinterpret_cast<const char*>(data), size);
  std::free(data);
  return file;
}

// The message of the Error that `work` throws, empty if it throws none.
template <class Work>
std::string error_of(const Work& work) {
  try {
    work();
  } catch (const std::exception& e) {
    return e.what();
  }
  return "";
}

inline bool same_pixels(const ImageView& a, const ImageView& b) {
  if (a.height != b.height || a.width != b.width || a.channels != b.channels || a.type != b.type) {
    return false;
  }
  const size_t row =
      static_cast<size_t>(a.width) * static_cast<size_t>(a.channels) * size_of(a.type);
  for (int y = 0; y < a.height; ++y) {
    const auto *p = a.row<std::byte>(y), *q = b.row<std::byte>(y);
    if (!std::equal(p, p + row, q)) return false;
  }
  return true;
}

}  // namespace vistas::vision
