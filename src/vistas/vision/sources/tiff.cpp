#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "vistas/vision/sources/formats.h"

namespace vistas::vision {
namespace {

// libtiff's view of the bytes in memory.
struct Memory {
  Bytes bytes;
  uint64_t at = 0;
};

tmsize_t read_memory(thandle_t handle, void* to, tmsize_t count) {
  auto* m = static_cast<Memory*>(handle);
  if (m->at >= m->bytes.size()) return 0;
  const size_t n = std::min(static_cast<size_t>(count), m->bytes.size() - m->at);
  std::memcpy(to, m->bytes.data() + m->at, n);
  m->at += n;
  return static_cast<tmsize_t>(n);
}
tmsize_t write_nothing(thandle_t, void*, tmsize_t) {
  return 0;
}
toff_t seek_memory(thandle_t handle, toff_t offset, int whence) {
  auto* m = static_cast<Memory*>(handle);
  m->at = offset + (whence == SEEK_CUR ? m->at : whence == SEEK_END ? m->bytes.size() : 0);
  return m->at;
}
int close_memory(thandle_t) {
  return 0;
}
toff_t size_of_memory(thandle_t handle) {
  return static_cast<Memory*>(handle)->bytes.size();
}
int map_memory(thandle_t handle, void** base, toff_t* size) {
  const Bytes bytes = static_cast<Memory*>(handle)->bytes;
  *base = const_cast<std::byte*>(bytes.data());  // opened for reading
  *size = bytes.size();
  return 1;
}
void unmap_memory(thandle_t, void*, toff_t) {}

class Reader {
 public:
  Reader(Bytes bytes, const std::string& name, const DecodeOptions& options)
      : memory_{bytes}, name_(name), options_(options) {
    const std::unique_ptr<TIFFOpenOptions, decltype(&TIFFOpenOptionsFree)> open(
        TIFFOpenOptionsAlloc(), TIFFOpenOptionsFree);
    TIFFOpenOptionsSetErrorHandlerExtR(open.get(), keep_message, this);
    TIFFOpenOptionsSetWarningHandlerExtR(open.get(), ignore_message, this);
    TIFFOpenOptionsSetMaxSingleMemAlloc(open.get(), 16 * options.max_pixels + (1 << 20));
    tiff_ = TIFFClientOpenExt("picture", "r", &memory_, read_memory, write_nothing, seek_memory,
                              close_memory, size_of_memory, map_memory, unmap_memory, open.get());
    if (tiff_ == nullptr) fail();
    try {
      read_header();
    } catch (...) {
      TIFFClose(tiff_);
      throw;
    }
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { TIFFClose(tiff_); }

  PictureInfo info() const {
    const int channels = palette() || inks() ? 3 : samples_;
    return {static_cast<int>(height_), static_cast<int>(width_), channels, type_,
            PictureFormat::tiff};
  }

  void read(Image& out) {
    const PictureInfo to = info();
    Image raw;  // the file's samples where the result has others
    Image& samples = palette() || inks() ? raw : out;
    samples.reset(to.height, to.width, samples_, type_);
    read_blocks(samples);
    if (photometric_ == PHOTOMETRIC_MINISWHITE) invert(samples);
    if (palette()) apply_palette(raw, out);
    if (inks()) {
      out.reset(to.height, to.width, 3);
      for (int y = 0; y < to.height; ++y) {
        cmyk_to_rgb(raw.row<uint8_t>(y), out.row<uint8_t>(y), to.width);
      }
    }
  }

 private:
  static int keep_message(TIFF*, void* self, const char*, const char* format, va_list values) {
    auto& text = static_cast<Reader*>(self)->text_;
    if (text[0] == 0) std::vsnprintf(text, sizeof text, format, values);
    return 1;
  }
  static int ignore_message(TIFF*, void*, const char*, const char*, va_list) { return 1; }

  [[noreturn]] void fail(const std::string& why = "") const {
    bad_picture(name_, PictureFormat::tiff,
                !why.empty()    ? why
                : text_[0] != 0 ? text_
                                : "its data is damaged");
  }

  template <class T>
  T tag(uint32_t id, T otherwise) const {
    T value{};
    return TIFFGetFieldDefaulted(tiff_, id, &value) == 1 ? value : otherwise;
  }

  bool palette() const { return photometric_ == PHOTOMETRIC_PALETTE; }
  bool inks() const {
    return photometric_ == PHOTOMETRIC_SEPARATED && samples_ == 4 && type_ == PixelType::u8;
  }

  void read_header() {
    width_ = tag<uint32_t>(TIFFTAG_IMAGEWIDTH, 0);
    height_ = tag<uint32_t>(TIFFTAG_IMAGELENGTH, 0);
    samples_ = tag<uint16_t>(TIFFTAG_SAMPLESPERPIXEL, 1);
    bits_ = tag<uint16_t>(TIFFTAG_BITSPERSAMPLE, 1);
    separate_ = tag<uint16_t>(TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) == PLANARCONFIG_SEPARATE;
    photometric_ = tag<uint16_t>(TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
    check_size(name_, PictureFormat::tiff, height_, width_, samples_, options_);
    if (photometric_ == PHOTOMETRIC_YCBCR &&
        tag<uint16_t>(TIFFTAG_COMPRESSION, 1) == COMPRESSION_JPEG) {
      TIFFSetField(tiff_, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
      photometric_ = PHOTOMETRIC_RGB;
    }
    const auto format = tag<uint16_t>(TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT);
    const bool whole = format == SAMPLEFORMAT_UINT || format == SAMPLEFORMAT_VOID;
    if (whole && (bits_ == 1 || bits_ == 2 || bits_ == 4 || bits_ == 8)) {
      type_ = PixelType::u8;
    } else if (whole && bits_ == 16) {
      type_ = PixelType::u16;
    } else if (format == SAMPLEFORMAT_IEEEFP && bits_ == 32) {
      type_ = PixelType::f32;
    } else {
      fail("samples of " + std::to_string(bits_) + " bits in sample format " +
           std::to_string(format) + " are not supported");
    }
    const bool known = photometric_ <= PHOTOMETRIC_RGB || photometric_ == PHOTOMETRIC_SEPARATED ||
                       (palette() && samples_ == 1 && bits_ <= 8);
    if (!known) fail("colour model " + std::to_string(photometric_) + " is not supported");
  }

  void read_blocks(Image& out) {
    const bool tiled = TIFFIsTiled(tiff_) != 0;
    const int64_t rows = tag<uint32_t>(tiled ? TIFFTAG_TILELENGTH : TIFFTAG_ROWSPERSTRIP, 0);
    const int64_t block_height = tiled ? rows : std::min<int64_t>(rows, height_);
    const int64_t block_width = tiled ? tag<uint32_t>(TIFFTAG_TILEWIDTH, 0) : width_;
    const auto row_bytes =
        static_cast<int64_t>(tiled ? TIFFTileRowSize64(tiff_) : TIFFScanlineSize64(tiff_));
    const int block_samples = separate_ ? 1 : samples_;
    const int64_t least = (block_width * block_samples * bits_ + 7) / 8;
    const int64_t most = 4 * static_cast<int64_t>(out.size_bytes()) + (int64_t{1} << 26);
    if (block_height < 1 || block_width < 1 || block_width > 1 << 28 || row_bytes < least ||
        row_bytes > most || row_bytes * block_height > most) {
      fail("its strips or tiles have an impossible size");
    }
    std::vector<std::byte> block(static_cast<size_t>(row_bytes * block_height));
    for (int plane = 0; plane < (separate_ ? samples_ : 1); ++plane) {
      for (int64_t y = 0; y < height_; y += block_height) {
        const int64_t used = std::min(block_height, height_ - y);
        for (int64_t x = 0; x < width_; x += block_width) {
          read_block(tiled, static_cast<uint32_t>(x), static_cast<uint32_t>(y),
                     static_cast<uint16_t>(plane), used * row_bytes, block);
          const int count = static_cast<int>(std::min(block_width, width_ - x));
          for (int64_t r = 0; r < used; ++r) {
            copy_row(block.data() + r * row_bytes, count, block_samples, static_cast<int>(y + r),
                     static_cast<int>(x), plane, out);
          }
        }
      }
    }
  }

  void read_block(bool tiled, uint32_t x, uint32_t y, uint16_t plane, int64_t needed,
                  std::vector<std::byte>& block) {
    const auto size = static_cast<tmsize_t>(block.size());
    const tmsize_t n =
        tiled
            ? TIFFReadEncodedTile(tiff_, TIFFComputeTile(tiff_, x, y, 0, plane), block.data(), size)
            : TIFFReadEncodedStrip(tiff_, TIFFComputeStrip(tiff_, y, plane), block.data(), size);
    if (n < 0) fail();
    if (n < needed) fail("it is truncated");
  }

  // `count` pixels of `samples` samples from a block to row y from column x and channel `plane` on.
  void copy_row(const std::byte* from, int count, int samples, int y, int x, int plane,
                Image& out) const {
    const size_t size = size_of(type_);
    std::byte* to = out.data() + static_cast<size_t>(y) * out.row_bytes() +
                    (static_cast<size_t>(x) * samples_ + static_cast<size_t>(plane)) * size;
    if (bits_ < 8) {
      const int full = (1 << bits_) - 1;
      const int scale = palette() ? 1 : 255 / full;
      for (int i = 0; i < count * samples; ++i) {
        const int bit = i * bits_;
        const int value = (std::to_integer<int>(from[bit / 8]) >> (8 - bits_ - bit % 8)) & full;
        to[samples == samples_ ? i : i * samples_] = static_cast<std::byte>(value * scale);
      }
    } else if (samples == samples_) {
      std::memcpy(to, from, static_cast<size_t>(count) * static_cast<size_t>(samples) * size);
    } else {
      for (int i = 0; i < count; ++i, from += size, to += size * samples_) {
        std::memcpy(to, from, size);
      }
    }
  }

  void apply_palette(const Image& indices, Image& out) const {
    uint16_t *red = nullptr, *green = nullptr, *blue = nullptr;
    if (TIFFGetField(tiff_, TIFFTAG_COLORMAP, &red, &green, &blue) != 1) fail("it has no palette");
    out.reset(indices.height(), indices.width(), 3);
    for (int y = 0; y < out.height(); ++y) {
      const auto* index = indices.row<uint8_t>(y);
      auto* to = out.row<uint8_t>(y);
      for (int x = 0; x < out.width(); ++x, to += 3) {
        to[0] = static_cast<uint8_t>(red[index[x]] >> 8);
        to[1] = static_cast<uint8_t>(green[index[x]] >> 8);
        to[2] = static_cast<uint8_t>(blue[index[x]] >> 8);
      }
    }
  }

  static void invert(Image& image) {
    if (image.type() == PixelType::f32) {
      auto* v = image.row<float>(0);
      std::transform(v, v + image.size_bytes() / 4, v, [](float f) { return 1 - f; });
    } else {
      auto* v = image.data();
      std::transform(v, v + image.size_bytes(), v, [](std::byte b) { return ~b; });
    }
  }

  Memory memory_;
  const std::string& name_;
  const DecodeOptions& options_;
  TIFF* tiff_ = nullptr;
  char text_[160] = {};
  int64_t width_ = 0, height_ = 0;
  uint16_t samples_ = 1, bits_ = 8, photometric_ = 0;
  bool separate_ = false;
  PixelType type_ = PixelType::u8;
};

bool matches(Bytes b) {
  if (b.size() < 8) return false;
  const auto at = [&](size_t i) { return std::to_integer<int>(b[i]); };
  const bool little = at(0) == 'I' && at(1) == 'I' && (at(2) == 42 || at(2) == 43) && at(3) == 0;
  const bool big = at(0) == 'M' && at(1) == 'M' && at(2) == 0 && (at(3) == 42 || at(3) == 43);
  return little || big;
}

PictureInfo probe_tiff(Bytes bytes, const std::string& name, const DecodeOptions& options) {
  return Reader(bytes, name, options).info();
}

void decode_tiff(Bytes bytes, const std::string& name, const DecodeOptions& options, Image& out) {
  Reader(bytes, name, options).read(out);
}

}  // namespace

const Format kTiff{PictureFormat::tiff, matches, probe_tiff, decode_tiff};

}  // namespace vistas::vision
