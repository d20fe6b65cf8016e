#include "vistas/vision/sources/encode.h"

#include <jpeglib.h>
#include <png.h>
#include <cstdio>  // jpeglib.h needs it

#include <bit>
#include <cstdlib>
#include <new>

#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/vision/sources/formats.h"

namespace vistas::vision {
namespace {

[[noreturn]] void cannot_encode(const std::string& format, const ImageView& image,
                                const std::string& expected) {
  const char* type = image.type == PixelType::u8    ? "8-bit"
                     : image.type == PixelType::u16 ? "16-bit"
                                                    : "float";
  throw Error(ErrorKind::usage,
              {.what = "these pixels cannot be written as " + format,
               .got = std::to_string(image.width) + " x " + std::to_string(image.height) + " " +
                      type + " pixels of " + std::to_string(image.channels) + " channels",
               .expected = expected});
}

struct PngWriter {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::jmp_buf jump;
  std::string out{};

  PngWriter() {
    png = png_create_write_struct(PNG_LIBPNG_VER_STRING, this, on_error, nullptr);
    if (png != nullptr) info = png_create_info_struct(png);
    if (info == nullptr) {
      png_destroy_write_struct(&png, nullptr);
      throw std::bad_alloc();
    }
    png_set_write_fn(png, this, append, nullptr);
  }
  PngWriter(const PngWriter&) = delete;
  PngWriter& operator=(const PngWriter&) = delete;
  ~PngWriter() { png_destroy_write_struct(&png, &info); }

  [[noreturn]] static void on_error(png_structp png, png_const_charp) {
    std::longjmp(static_cast<PngWriter*>(png_get_error_ptr(png))->jump, 1);
  }
  static void append(png_structp png, png_bytep data, size_t size) {
    static_cast<PngWriter*>(png_get_io_ptr(png))
        ->out.append(reinterpret_cast<const char*>(data), size);
  }
};

struct JpegWriter {
  jpeg_error_mgr errors{};  // first: on_error gets a pointer to it
  std::jmp_buf jump;
  jpeg_compress_struct c{};
  unsigned char* data = nullptr;
  unsigned long size = 0;

  JpegWriter() {
    c.err = jpeg_std_error(&errors);
    errors.error_exit = [](j_common_ptr common) {
      std::longjmp(reinterpret_cast<JpegWriter*>(common->err)->jump, 1);
    };
    errors.emit_message = [](j_common_ptr, int) {};
  }
  JpegWriter(const JpegWriter&) = delete;
  JpegWriter& operator=(const JpegWriter&) = delete;
  ~JpegWriter() {
    jpeg_destroy_compress(&c);
    std::free(data);
  }
};

}  // namespace

std::string encode_png(const ImageView& image) {
  constexpr int kColours[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                              PNG_COLOR_TYPE_RGB_ALPHA};
  if (image.type == PixelType::f32 || image.channels < 1 || image.channels > 4 ||
      image.height < 1 || image.width < 1) {
    cannot_encode("PNG", image, "8- or 16-bit pixels of 1 to 4 channels");
  }
  PngWriter writer;
  const bool done = guarded(writer.jump, [&] {
    png_set_IHDR(writer.png, writer.info, static_cast<png_uint_32>(image.width),
                 static_cast<png_uint_32>(image.height), image.type == PixelType::u8 ? 8 : 16,
                 kColours[image.channels - 1], PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(writer.png, writer.info);
    if constexpr (std::endian::native == std::endian::little) {
      if (image.type == PixelType::u16) png_set_swap(writer.png);
    }
    for (int y = 0; y < image.height; ++y) png_write_row(writer.png, image.row<png_byte>(y));
    png_write_end(writer.png, nullptr);
  });
  if (!done) cannot_encode("PNG", image, "a size that PNG allows");
  return std::move(writer.out);
}

void write_png(const std::filesystem::path& path, const ImageView& image) {
  write_file_atomic(path, encode_png(image));
}

std::string encode_jpeg(const ImageView& image, int quality) {
  if (image.type != PixelType::u8 || (image.channels != 1 && image.channels != 3)) {
    cannot_encode("JPEG", image, "8-bit pixels of 1 or 3 channels");
  }
  JpegWriter writer;
  jpeg_compress_struct& c = writer.c;
  const bool done = guarded(writer.jump, [&] {
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &writer.data, &writer.size);
    c.image_width = static_cast<JDIMENSION>(image.width);
    c.image_height = static_cast<JDIMENSION>(image.height);
    c.input_components = image.channels;
    c.in_color_space = image.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, quality, TRUE);
    if (quality >= 90) c.comp_info[0].h_samp_factor = c.comp_info[0].v_samp_factor = 1;
    jpeg_start_compress(&c, TRUE);
    for (int y = 0; y < image.height; ++y) {
      JSAMPROW row = const_cast<JSAMPROW>(image.row<JSAMPLE>(y));
      jpeg_write_scanlines(&c, &row, 1);
    }
    jpeg_finish_compress(&c);
  });
  if (!done) cannot_encode("JPEG", image, "at most 65500 pixels a side");
  return {reinterpret_cast<const char*>(writer.data), writer.size};
}

}  // namespace vistas::vision
