#include <fmt/format.h>
#include <png.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "vistas/base/error.h"
#include "vistas/vision/sources/formats.h"

namespace vistas::vision {
namespace {

class Reader {
 public:
  Reader(Bytes bytes, const std::string& name) : rest_(bytes), name_(name) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, on_warning);
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
    if (info_ == nullptr) {
      png_destroy_read_struct(&png_, nullptr, nullptr);
      throw std::bad_alloc();
    }
    png_set_read_fn(png_, this, read_bytes);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { png_destroy_read_struct(&png_, &info_, nullptr); }

  PictureInfo open(const DecodeOptions& options) {
    read_header(options);
    run([&] {
      png_set_expand(png_);  // palettes to RGB, few bits to 8, transparent colours to alpha
      if constexpr (std::endian::native == std::endian::little) png_set_swap(png_);
      if (options.channels != Channels::keep) png_set_strip_alpha(png_);
      png_set_interlace_handling(png_);
      png_read_update_info(png_, info_);
    });
    return described();
  }

  // Samples as they are stored; those of fewer bits than 8 get a byte each.
  PictureInfo open_indices(const DecodeOptions& options) {
    read_header(options);
    const int channels = png_get_channels(png_, info_), bits = png_get_bit_depth(png_, info_);
    if (channels != 1 || bits > 8) {
      throw Error(ErrorKind::data, {.what = name_ + ": no mask",
                                    .got = fmt::format("{} channels of {} bits", channels, bits),
                                    .expected = "one channel of at most 8 bits: class indices, as "
                                                "grey values or with a palette"});
    }
    run([&] {
      png_set_packing(png_);
      png_set_interlace_handling(png_);
      png_read_update_info(png_, info_);
    });
    return described();
  }

  void read(Image& out) {
    thread_local std::vector<png_bytep> rows;
    rows.resize(static_cast<size_t>(out.height()));
    for (int y = 0; y < out.height(); ++y) {
      rows[static_cast<size_t>(y)] = out.row<png_byte>(y);
    }
    png_bytepp pointers = rows.data();
    run([&] { png_read_image(png_, pointers); });
  }

 private:
  [[noreturn]] static void on_error(png_structp png, png_const_charp text) {
    auto* self = static_cast<Reader*>(png_get_error_ptr(png));
    std::strncpy(self->text_, text, sizeof self->text_ - 1);
    std::longjmp(self->jump_, 1);
  }
  static void on_warning(png_structp, png_const_charp) {}

  static void read_bytes(png_structp png, png_bytep to, size_t count) {
    auto* self = static_cast<Reader*>(png_get_io_ptr(png));
    if (count > self->rest_.size()) png_error(png, "it is truncated");
    std::memcpy(to, self->rest_.data(), count);
    self->rest_ = self->rest_.subspan(count);
  }

  void read_header(const DecodeOptions& options) {
    run([&] {
      png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
      png_read_info(png_, info_);
    });
    const int64_t height = png_get_image_height(png_, info_);
    const int64_t width = png_get_image_width(png_, info_);
    check_size(name_, PictureFormat::png, height, width, 4, options);
  }

  PictureInfo described() const {
    const PixelType type = png_get_bit_depth(png_, info_) == 16 ? PixelType::u16 : PixelType::u8;
    return {static_cast<int>(png_get_image_height(png_, info_)),
            static_cast<int>(png_get_image_width(png_, info_)), png_get_channels(png_, info_), type,
            PictureFormat::png};
  }

  template <class Work>
  void run(const Work& work) {
    if (!guarded(jump_, work)) bad_picture(name_, PictureFormat::png, text_);
  }

  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  std::jmp_buf jump_;
  char text_[128] = {};
  Bytes rest_;
  const std::string& name_;
};

bool matches(Bytes b) {
  return b.size() >= 8 && png_sig_cmp(reinterpret_cast<png_const_bytep>(b.data()), 0, 8) == 0;
}

PictureInfo probe_png(Bytes bytes, const std::string& name, const DecodeOptions& options) {
  return Reader(bytes, name).open(options);
}

void decode_png(Bytes bytes, const std::string& name, const DecodeOptions& options, Image& out) {
  Reader reader(bytes, name);
  const PictureInfo info = reader.open(options);
  out.reset(info.height, info.width, info.channels, info.type);
  reader.read(out);
}

}  // namespace

void decode_indices(Bytes bytes, const std::string& name, const DecodeOptions& options,
                    Image& out) {
  if (!matches(bytes)) {
    throw Error(ErrorKind::data, {.what = name + ": no mask", .expected = "a PNG file"});
  }
  Reader reader(bytes, name);
  const PictureInfo info = reader.open_indices(options);
  out.reset(info.height, info.width, 1);
  reader.read(out);
}

const Format kPng{PictureFormat::png, matches, probe_png, decode_png};

}  // namespace vistas::vision
