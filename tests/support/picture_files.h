// Writers of PNG, WebP, TIFF and BMP files in forms that the library itself never writes.
#pragma once

#include <png.h>
#include <tiffio.h>
#include <webp/encode.h>

#include <cstring>
#include <functional>

#include "support/pictures.h"
#include "vistas/base/files.h"

namespace vistas::vision {

struct PngForm {
  int height = 1, width = 1, bits = 8, colour = PNG_COLOR_TYPE_GRAY;
  bool interlaced = false;
  std::vector<png_color> palette{};
  std::vector<png_byte> palette_alpha{};
};

inline std::string png_file(const PngForm& form, const std::vector<std::string>& rows) {
  std::string out;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &out,
      [](png_structp p, png_bytep data, size_t size) {
        static_cast<std::string*>(png_get_io_ptr(p))
            ->append(reinterpret_cast<const char*>(data), size);
      },
      nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(form.width),
               static_cast<png_uint_32>(form.height), form.bits, form.colour,
               form.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, 0, 0);
  if (!form.palette.empty()) {
    png_set_PLTE(png, info, form.palette.data(), static_cast<int>(form.palette.size()));
  }
  if (!form.palette_alpha.empty()) {
    png_set_tRNS(png, info, form.palette_alpha.data(), static_cast<int>(form.palette_alpha.size()),
                 nullptr);
  }
  std::vector<png_bytep> pointers;
  for (const std::string& row : rows) {
    pointers.push_back(reinterpret_cast<png_bytep>(const_cast<char*>(row.data())));
  }
  png_set_rows(png, info, pointers.data());
  png_write_png(png, info, PNG_TRANSFORM_IDENTITY, nullptr);
  png_destroy_write_struct(&png, &info);
  return out;
}

inline std::string webp_file(const Image& image) {
  uint8_t* data = nullptr;
  const auto* pixels = image.row<uint8_t>(0);
  const int stride = static_cast<int>(image.row_bytes());
  const size_t size =
      image.channels() == 3
          ? WebPEncodeLosslessRGB(pixels, image.width(), image.height(), stride, &data)
          : WebPEncodeLosslessRGBA(pixels, image.width(), image.height(), stride, &data);
  std::string file(reinterpret_cast<const char*>(data), size);
  WebPFree(data);
  return file;
}

struct TiffForm {
  bool separate = false, tiled = false;
  uint16_t compression = COMPRESSION_NONE, photometric = PHOTOMETRIC_MINISBLACK, bits = 0;
  uint32_t rows_per_strip = 3;
};

inline std::string tiff_file(const Image& image, const TiffForm& form,
                             const std::function<void(TIFF*)>& more = {}) {
  const TempFolder folder;
  const std::string path = folder.path() / "a.tif";
  TIFF* tiff = TIFFOpen(path.c_str(), "w");
  const auto channels = static_cast<uint16_t>(image.channels());
  const size_t size = size_of(image.type());
  const int bits = form.bits != 0 ? form.bits : static_cast<int>(8 * size);
  TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, image.width());
  TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, image.height());
  TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, channels);
  TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, bits);
  TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, form.photometric);
  TIFFSetField(tiff, TIFFTAG_COMPRESSION, form.compression);
  TIFFSetField(tiff, TIFFTAG_PLANARCONFIG,
               form.separate ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG);
  TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT,
               image.type() == PixelType::f32 ? SAMPLEFORMAT_IEEEFP : SAMPLEFORMAT_UINT);
  if (form.tiled) {
    TIFFSetField(tiff, TIFFTAG_TILEWIDTH, 16);
    TIFFSetField(tiff, TIFFTAG_TILELENGTH, 16);
  } else {
    TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, form.rows_per_strip);
  }
  if (more) more(tiff);
  const int planes = form.separate ? channels : 1, samples = form.separate ? 1 : channels;
  for (int plane = 0; plane < planes; ++plane) {
    // The plane's rows, padded to whole tiles.
    const int height = (image.height() + 15) / 16 * 16, width = (image.width() + 15) / 16 * 16;
    std::string rows(static_cast<size_t>(height * width * samples) * size, '\0');
    const auto at = [&](int y, int x) {
      return rows.data() + static_cast<size_t>((y * width + x) * samples) * size;
    };
    for (int y = 0; y < image.height(); ++y) {
      for (int x = 0; x < image.width(); ++x) {
        std::memcpy(at(y, x), image.row<char>(y) + static_cast<size_t>(x * channels + plane) * size,
                    static_cast<size_t>(samples) * size);
      }
    }
    if (!form.tiled) {
      for (int y = 0; y < image.height(); ++y) {
        TIFFWriteScanline(tiff, at(y, 0), static_cast<uint32_t>(y), static_cast<uint16_t>(plane));
      }
      continue;
    }
    const size_t tile_row = static_cast<size_t>(16 * samples) * size;
    for (int y = 0; y < image.height(); y += 16) {
      for (int x = 0; x < image.width(); x += 16) {
        std::string tile;
        for (int r = 0; r < 16; ++r) tile.append(at(y + r, x), tile_row);
        TIFFWriteTile(tiff, tile.data(), static_cast<uint32_t>(x), static_cast<uint32_t>(y), 0,
                      static_cast<uint16_t>(plane));
      }
    }
  }
  TIFFClose(tiff);
  return read_file(path);
}

template <class T>
std::string little(T value) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

// `extra`: colour masks and palette.
inline std::string bmp_file(int width, int height, int bits, uint32_t compression,
                            const std::string& extra, const std::string& pixels) {
  const auto at = static_cast<uint32_t>(54 + extra.size());
  return "BM" + little(at + static_cast<uint32_t>(pixels.size())) + little(uint32_t{0}) +
         little(at) + little(uint32_t{40}) + little(width) + little(height) + little(uint16_t{1}) +
         little(static_cast<uint16_t>(bits)) + little(compression) + little(uint32_t{0}) +
         little(0) + little(0) + little(uint32_t{0}) + little(uint32_t{0}) + extra + pixels;
}

inline std::string palette_of(int bits, const std::string& bgr_first_colours) {
  std::string table;
  for (size_t i = 0; i < bgr_first_colours.size(); i += 3) {
    table += bgr_first_colours.substr(i, 3) + std::string(1, '\0');
  }
  table.resize(size_t{4} << bits, '\0');
  return table;
}

}  // namespace vistas::vision
