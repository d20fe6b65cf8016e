#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <vector>

#include "vistas/vision/sources/formats.h"

namespace vistas::vision {
namespace {

enum Compression : uint32_t { kNone = 0, kRle8 = 1, kRle4 = 2, kMasks = 3, kAlphaMasks = 6 };

struct Header {
  int64_t width = 0, height = 0;
  bool top_down = false, grey_palette = false;
  int bits = 0;
  uint32_t compression = kNone;
  uint32_t pixels_at = 0;
  std::array<uint32_t, 4> masks{};              // R, G, B, A
  std::vector<std::array<uint8_t, 3>> palette;  // 256 entries if bits <= 8

  int channels() const {
    if (bits <= 8) return grey_palette ? 1 : 3;
    return masks[3] != 0 ? 4 : 3;
  }
  int64_t row_bytes() const { return (width * bits + 31) / 32 * 4; }
};

class Parser {
 public:
  Parser(Bytes bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  Header header(const DecodeOptions& options) const {
    Header h;
    h.pixels_at = load<uint32_t>(10);
    const uint32_t size = load<uint32_t>(14);
    if (size == 12) {
      h.width = load<uint16_t>(18);
      h.height = load<uint16_t>(20);
      h.bits = load<uint16_t>(24);
    } else if (size >= 40 && size <= 1024) {
      h.width = load<int32_t>(18);
      h.height = load<int32_t>(22);
      h.bits = load<uint16_t>(28);
      h.compression = load<uint32_t>(30);
    } else {
      fail("its header has " + std::to_string(size) + " bytes");
    }
    h.top_down = h.height < 0;
    h.height = std::abs(h.height);
    check_size(name_, PictureFormat::bmp, h.height, h.width, 4, options);
    check_coding(h);
    const bool masks_follow = size == 40 && h.compression >= kMasks;
    if (h.bits == 16 || h.bits == 32) read_masks(h, size);
    const size_t after = size_t{14} + size + (masks_follow ? h.compression == kMasks ? 12 : 16 : 0);
    if (h.bits <= 8) read_palette(h, after, size == 12);
    return h;
  }

  void read(const Header& h, Image& out) const {
    if (h.compression == kRle8 || h.compression == kRle4) {
      const std::vector<uint8_t> indices = unpack_runs(h);
      for (int y = 0; y < out.height(); ++y) {
        const uint8_t* row = indices.data() + static_cast<size_t>(y * h.width);
        colour_row(h, out.row<uint8_t>(row_of(h, y)), [&](int x) { return row[x]; });
      }
      return;
    }
    if (h.pixels_at > bytes_.size() ||
        h.row_bytes() * h.height > static_cast<int64_t>(bytes_.size() - h.pixels_at)) {
      fail("it is truncated");
    }
    for (int y = 0; y < out.height(); ++y) {
      const size_t at = h.pixels_at + static_cast<size_t>(y * h.row_bytes());
      uint8_t* row = out.row<uint8_t>(row_of(h, y));
      if (h.bits <= 8) {
        const auto* p = reinterpret_cast<const uint8_t*>(bytes_.data() + at);
        const int per_byte = 8 / h.bits, top = 8 - h.bits, mask = (1 << h.bits) - 1;
        colour_row(h, row, [&](int x) {
          return (p[x / per_byte] >> (top - x % per_byte * h.bits)) & mask;
        });
      } else {
        read_colours(h, at, row);
      }
    }
  }

 private:
  template <class T>
  T load(size_t at) const {  // little-endian
    if (at > bytes_.size() || bytes_.size() - at < sizeof(T)) fail("it is truncated");
    std::make_unsigned_t<T> value = 0;
    for (size_t i = 0; i < sizeof(T); ++i) {
      value = static_cast<std::make_unsigned_t<T>>(
          value | static_cast<uint64_t>(std::to_integer<uint8_t>(bytes_[at + i])) << (8 * i));
    }
    return static_cast<T>(value);
  }

  [[noreturn]] void fail(const std::string& why) const {
    bad_picture(name_, PictureFormat::bmp, why);
  }

  static int row_of(const Header& h, int y) {
    return h.top_down ? y : static_cast<int>(h.height) - 1 - y;
  }

  void check_coding(const Header& h) const {
    bool known = false;
    switch (h.compression) {
      case kNone:
        known = h.bits == 1 || h.bits == 4 || h.bits == 8 || h.bits == 16 || h.bits == 24 ||
                h.bits == 32;
        break;
      case kRle8:
        known = h.bits == 8;
        break;
      case kRle4:
        known = h.bits == 4;
        break;
      case kMasks:
      case kAlphaMasks:
        known = h.bits == 16 || h.bits == 32;
        break;
    }
    if (!known) {
      fail("compression " + std::to_string(h.compression) + " with " + std::to_string(h.bits) +
           " bits is not supported");
    }
  }

  void read_masks(Header& h, uint32_t header_size) const {
    if (h.compression == kNone) {
      h.masks = h.bits == 16 ? std::array<uint32_t, 4>{0x7C00, 0x3E0, 0x1F, 0}
                             : std::array<uint32_t, 4>{0xFF0000, 0xFF00, 0xFF, 0};
      return;
    }
    const size_t count = h.compression == kAlphaMasks || header_size >= 56 ? 4 : 3;
    for (size_t i = 0; i < count; ++i) h.masks[i] = load<uint32_t>(54 + 4 * i);
    if (h.masks[0] == 0 || h.masks[1] == 0 || h.masks[2] == 0) fail("its colour masks are empty");
  }

  void read_palette(Header& h, size_t at, bool three_bytes) const {
    uint32_t count = three_bytes ? 0 : load<uint32_t>(46);
    if (count == 0 || count > 1u << h.bits) count = 1u << h.bits;
    h.palette.resize(256);
    h.grey_palette = true;
    for (size_t i = 0; i < count; ++i, at += three_bytes ? 3 : 4) {
      h.palette[i] = {load<uint8_t>(at + 2), load<uint8_t>(at + 1), load<uint8_t>(at)};
      h.grey_palette &= h.palette[i][0] == h.palette[i][1] && h.palette[i][1] == h.palette[i][2];
    }
  }

  template <class Index>
  static void colour_row(const Header& h, uint8_t* row, const Index& index) {
    const int channels = h.channels();
    for (int x = 0; x < h.width; ++x, row += channels) {
      const auto& colour = h.palette[static_cast<size_t>(index(x))];
      std::copy_n(colour.begin(), channels, row);
    }
  }

  void read_colours(const Header& h, size_t at, uint8_t* row) const {
    if (h.bits == 24) {
      const auto* p = reinterpret_cast<const uint8_t*>(bytes_.data() + at);
      for (int x = 0; x < h.width; ++x, p += 3, row += 3) std::reverse_copy(p, p + 3, row);
      return;
    }
    const int channels = h.channels();
    for (int x = 0; x < h.width; ++x, row += channels) {
      const uint32_t pixel = h.bits == 16 ? load<uint16_t>(at + 2 * static_cast<size_t>(x))
                                          : load<uint32_t>(at + 4 * static_cast<size_t>(x));
      for (int c = 0; c < channels; ++c) {
        const uint32_t mask = h.masks[static_cast<size_t>(c)];
        const int shift = std::countr_zero(mask);
        const uint64_t value = (pixel & mask) >> shift;
        row[c] = static_cast<uint8_t>(value * 255 / (mask >> shift));
      }
    }
  }

  // Run-length coding: palette indices of all rows in stored order.
  std::vector<uint8_t> unpack_runs(const Header& h) const {
    std::vector<uint8_t> indices(static_cast<size_t>(h.width * h.height));
    const bool nibbles = h.compression == kRle4;
    int64_t x = 0, y = 0;
    const auto put = [&](int index) {
      if (x < h.width && y < h.height) {
        indices[static_cast<size_t>(y * h.width + x)] = static_cast<uint8_t>(index);
      }
      ++x;
    };
    for (size_t at = h.pixels_at; y < h.height;) {
      const int count = load<uint8_t>(at), code = load<uint8_t>(at + 1);
      at += 2;
      if (count > 0) {
        for (int i = 0; i < count; ++i) put(!nibbles ? code : i % 2 ? code & 15 : code >> 4);
      } else if (code == 0) {
        x = 0;
        ++y;
      } else if (code == 1) {
        break;
      } else if (code == 2) {
        x += load<uint8_t>(at);
        y += load<uint8_t>(at + 1);
        at += 2;
      } else {
        for (int i = 0; i < code; ++i) {
          const int byte = load<uint8_t>(at + static_cast<size_t>(nibbles ? i / 2 : i));
          put(!nibbles ? byte : i % 2 ? byte & 15 : byte >> 4);
        }
        const size_t used = static_cast<size_t>(nibbles ? (code + 1) / 2 : code);
        at += (used + 1) / 2 * 2;
      }
    }
    return indices;
  }

  Bytes bytes_;
  const std::string& name_;
};

bool matches(Bytes b) {
  return b.size() >= 2 && b[0] == std::byte{'B'} && b[1] == std::byte{'M'};
}

PictureInfo probe_bmp(Bytes bytes, const std::string& name, const DecodeOptions& options) {
  const Header h = Parser(bytes, name).header(options);
  return {static_cast<int>(h.height), static_cast<int>(h.width), h.channels(), PixelType::u8,
          PictureFormat::bmp};
}

void decode_bmp(Bytes bytes, const std::string& name, const DecodeOptions& options, Image& out) {
  const Parser parser(bytes, name);
  const Header h = parser.header(options);
  out.reset(static_cast<int>(h.height), static_cast<int>(h.width), h.channels());
  parser.read(h, out);
}

}  // namespace

const Format kBmp{PictureFormat::bmp, matches, probe_bmp, decode_bmp};

}  // namespace vistas::vision
