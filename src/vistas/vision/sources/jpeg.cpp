#include <cstdio>  // jpeglib.h needs it

#include <jpeglib.h>

#include <jerror.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "vistas/vision/sources/formats.h"

namespace vistas::vision {
namespace {

struct ErrorState {
  jpeg_error_mgr base;  // first: libjpeg hands back a pointer to it
  std::jmp_buf jump;
  char text[JMSG_LENGTH_MAX];
};

[[noreturn]] void on_error(j_common_ptr c) {
  auto* state = reinterpret_cast<ErrorState*>(c->err);
  state->base.format_message(c, state->text);
  std::longjmp(state->jump, 1);
}

thread_local int64_t damaged_places = 0;

// Warnings (stray bytes, damaged blocks) are tolerated as in PIL, and counted.
void on_message(j_common_ptr, int level) {
  if (level < 0) ++damaged_places;
}

void do_nothing(j_decompress_ptr) {}

boolean at_end(j_decompress_ptr c) {
  ERREXIT(c, JERR_INPUT_EOF);
  return FALSE;
}

void skip_bytes(j_decompress_ptr c, long count) {
  if (count <= 0) return;
  if (static_cast<size_t>(count) > c->src->bytes_in_buffer) ERREXIT(c, JERR_INPUT_EOF);
  c->src->next_input_byte += count;
  c->src->bytes_in_buffer -= static_cast<size_t>(count);
}

// One decompressor a thread, used again and again.
class Decompressor {
 public:
  Decompressor() {
    c_.err = jpeg_std_error(&errors_.base);
    errors_.base.error_exit = on_error;
    errors_.base.emit_message = on_message;
    if (!guarded(errors_.jump, [&] { jpeg_create_decompress(&c_); })) throw std::bad_alloc();
    source_.init_source = do_nothing;
    source_.fill_input_buffer = at_end;
    source_.skip_input_data = skip_bytes;
    source_.resync_to_restart = jpeg_resync_to_restart;
    source_.term_source = do_nothing;
    c_.src = &source_;
  }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;
  ~Decompressor() { jpeg_destroy_decompress(&c_); }

  // Reads the header, checks the size and sets the form of the output.
  PictureInfo open(Bytes bytes, const std::string& name, const DecodeOptions& options) {
    name_ = &name;
    source_.next_input_byte = reinterpret_cast<const JOCTET*>(bytes.data());
    source_.bytes_in_buffer = bytes.size();
    run([&] {
      jpeg_abort_decompress(&c_);
      jpeg_read_header(&c_, TRUE);
    });
    if (c_.num_components != 1 && c_.num_components != 3 && c_.num_components != 4) {
      fail("it has " + std::to_string(c_.num_components) + " components");
    }
    check_size(name, PictureFormat::jpeg, c_.image_height, c_.image_width, 3, options);
    rest_ = bytes.subspan(bytes.size() - source_.bytes_in_buffer);
    c_.out_color_space = c_.num_components == 4 ? JCS_CMYK
                         : c_.num_components == 1 && options.channels != Channels::rgb
                             ? JCS_GRAYSCALE
                             : JCS_RGB;
    if (options.scaled_side > 0) {
      const auto side = std::min(c_.image_height, c_.image_width);
      while (c_.scale_denom < 8 &&
             side / (2 * c_.scale_denom) >= static_cast<unsigned>(options.scaled_side)) {
        c_.scale_denom *= 2;
      }
    }
    run([&] { jpeg_calc_output_dimensions(&c_); });
    const int channels = c_.out_color_space == JCS_GRAYSCALE ? 1 : 3;
    return {static_cast<int>(c_.output_height), static_cast<int>(c_.output_width), channels,
            PixelType::u8, PictureFormat::jpeg};
  }

  // Whether a crop can be decoded with exactly the pixels of a full decode.
  bool can_crop() const {
    if (c_.progressive_mode || c_.arith_code || c_.scale_denom != c_.scale_num ||
        c_.comps_in_scan != c_.num_components || c_.num_components == 4) {
      return false;
    }
    const jpeg_component_info* comp = c_.comp_info;
    if (c_.num_components == 1) return comp[0].h_samp_factor == 1 && comp[0].v_samp_factor == 1;
    return comp[0].h_samp_factor <= 2 && comp[0].v_samp_factor <= 2 && comp[1].h_samp_factor == 1 &&
           comp[1].v_samp_factor == 1 && comp[2].h_samp_factor == 1 && comp[2].v_samp_factor == 1;
  }

  void read(Image& out, int channels) {
    check_end();
    run([&] { jpeg_start_decompress(&c_); });
    const int height = static_cast<int>(c_.output_height);
    out.reset(height, static_cast<int>(c_.output_width), channels);
    if (c_.out_color_space == JCS_CMYK) {
      read_cmyk(out);
    } else {
      read_rows(out, height);
    }
    run([&] { jpeg_abort_decompress(&c_); });
  }

  // Returns which part of `out` is the box.
  Box read_crop(const Box& box, Image& out, int channels) {
    check_end();
    // Smooth upsampling at the edge of what is decoded lacks its neighbour, hence the margin.
    constexpr int kMargin = 2;
    const int left = std::max(0, box.left - kMargin);
    JDIMENSION x = static_cast<JDIMENSION>(left);
    JDIMENSION width =
        std::min(c_.output_width, static_cast<JDIMENSION>(box.left + box.width + kMargin)) - x;
    run([&] {
      jpeg_start_decompress(&c_);
      jpeg_crop_scanline(&c_, &x, &width);
      jpeg_skip_scanlines(&c_, static_cast<JDIMENSION>(box.top));
    });
    out.reset(box.height, static_cast<int>(width), channels);
    read_rows(out, box.height);
    run([&] { jpeg_abort_decompress(&c_); });
    return {0, box.left - static_cast<int>(x), box.height, box.width};
  }

 private:
  template <class Work>
  void run(const Work& work) {
    if (!guarded(errors_.jump, work)) fail(errors_.text);
  }

  [[noreturn]] void fail(const std::string& why) const {
    bad_picture(*name_, PictureFormat::jpeg, why);
  }

  // Entropy-coded data cannot contain the end marker, so this finds truncated files at once, also
  // where only the first rows are wanted.
  void check_end() const {
    const std::string_view rest(reinterpret_cast<const char*>(rest_.data()), rest_.size());
    if (rest.rfind("\xFF\xD9") == rest.npos) fail("it is truncated (no end marker)");
  }

  void read_rows(Image& out, int count) {
    constexpr int kBatch = 16;
    run([&] {
      JSAMPROW rows[kBatch];
      for (int y = 0; y < count;) {
        const int n = std::min(kBatch, count - y);
        for (int i = 0; i < n; ++i) rows[i] = out.row<JSAMPLE>(y + i);
        y += static_cast<int>(jpeg_read_scanlines(&c_, rows, static_cast<JDIMENSION>(n)));
      }
    });
  }

  // Adobe's convention, which PIL assumes for every file: values are stored inverted.
  void read_cmyk(Image& out) {
    cmyk_.resize(size_t{4} * c_.output_width);
    for (int y = 0; y < out.height(); ++y) {
      JSAMPROW row = cmyk_.data();
      run([&] { jpeg_read_scanlines(&c_, &row, 1); });
      for (uint8_t& v : cmyk_) v = static_cast<uint8_t>(255 - v);
      cmyk_to_rgb(row, out.row<uint8_t>(y), out.width());
    }
  }

  ErrorState errors_{};
  jpeg_decompress_struct c_{};
  jpeg_source_mgr source_{};
  const std::string* name_ = nullptr;
  Bytes rest_;  // from the first scan's data on
  std::vector<uint8_t> cmyk_;
};

Decompressor& decompressor() {
  thread_local Decompressor instance;
  return instance;
}

bool matches(Bytes b) {
  return b.size() >= 3 && b[0] == std::byte{0xFF} && b[1] == std::byte{0xD8} &&
         b[2] == std::byte{0xFF};
}

PictureInfo probe_jpeg(Bytes bytes, const std::string& name, const DecodeOptions& options) {
  return decompressor().open(bytes, name, options);
}

void decode_jpeg(Bytes bytes, const std::string& name, const DecodeOptions& options, Image& out) {
  Decompressor& d = decompressor();
  d.read(out, d.open(bytes, name, options).channels);
}

}  // namespace

void decode_jpeg_crop(Bytes bytes, const std::string& name, const DecodeOptions& options,
                      const Box& needed, Image& out, Box& valid, Box& got) {
  Decompressor& d = decompressor();
  const PictureInfo info = d.open(bytes, name, options);
  if (!d.can_crop() || needed == info.whole()) {
    d.read(out, info.channels);
    valid = got = info.whole();
  } else {
    valid = d.read_crop(needed, out, info.channels);
    got = needed;
  }
}

int64_t take_decode_warnings() {
  return std::exchange(damaged_places, 0);
}

const Format kJpeg{PictureFormat::jpeg, matches, probe_jpeg, decode_jpeg};

}  // namespace vistas::vision
