// PBM, PGM, PPM (plain and raw, P1 to P6), PAM (P7) and PFM (Pf, PF).
#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string_view>

#include "vistas/vision/sources/formats.h"

namespace vistas::vision {
namespace {

struct Header {
  char kind = 0;  // '1' .. '7', 'f', 'F'
  int64_t width = 0, height = 0, channels = 1, max_value = 1;
  bool big_endian = true;  // PFM only
  std::string_view pixels{};

  bool plain() const { return kind >= '1' && kind <= '3'; }
  bool bits() const { return kind == '1' || kind == '4'; }
  bool floats() const { return kind == 'f' || kind == 'F'; }
  PixelType type() const {
    return floats() ? PixelType::f32 : max_value > 255 ? PixelType::u16 : PixelType::u8;
  }
};

class Parser {
 public:
  Parser(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  Header header(const DecodeOptions& options) {
    Header h;
    h.kind = text_[1];
    text_.remove_prefix(2);
    if (h.kind == '7') {
      read_pam(h);
    } else {
      h.channels = h.kind == '3' || h.kind == '6' || h.kind == 'F' ? 3 : 1;
      h.width = integer();
      h.height = integer();
      if (h.floats()) {
        const std::string_view scale = token();
        h.big_endian = scale.empty() || scale[0] != '-';
      } else if (!h.bits()) {
        h.max_value = integer();
      }
      if (!h.plain()) drop_one();
    }
    if (h.max_value < 1 || h.max_value > 65535) {
      fail("its largest value is " + std::to_string(h.max_value));
    }
    check_size(name_, PictureFormat::pnm, h.height, h.width, h.channels, options);
    h.pixels = text_;
    return h;
  }

  // The next number of a plain file. Digits of a bitmap need no space between them.
  int64_t sample(bool bit) {
    if (!bit) return integer();
    skip_space();
    if (text_.empty() || (text_[0] != '0' && text_[0] != '1')) fail("it is truncated");
    const int value = text_[0] - '0';
    text_.remove_prefix(1);
    return value;
  }

  [[noreturn]] void fail(const std::string& why) const {
    bad_picture(name_, PictureFormat::pnm, why);
  }

 private:
  static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

  void drop_one() {
    if (text_.empty() || !is_space(text_[0])) fail("its header has no end");
    text_.remove_prefix(1);
  }

  void skip_space() {
    while (!text_.empty() && (is_space(text_[0]) || text_[0] == '#')) {
      const size_t n = text_[0] == '#' ? text_.find('\n') : 1;
      text_.remove_prefix(std::min(n, text_.size()));
    }
  }

  std::string_view token() {
    skip_space();
    size_t n = 0;
    while (n < text_.size() && !is_space(text_[n])) ++n;
    const std::string_view word = text_.substr(0, n);
    text_.remove_prefix(n);
    return word;
  }

  int64_t integer() {
    const std::string_view word = token();
    int64_t value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size() || value < 0) {
      fail(word.empty() ? "it is truncated" : "it has no number where one is due");
    }
    return value;
  }

  void read_pam(Header& h) {
    for (std::string_view word = token(); word != "ENDHDR"; word = token()) {
      if (word == "WIDTH") {
        h.width = integer();
      } else if (word == "HEIGHT") {
        h.height = integer();
      } else if (word == "DEPTH") {
        h.channels = integer();
      } else if (word == "MAXVAL") {
        h.max_value = integer();
      } else if (word.empty()) {
        fail("its header has no end");
      } else {
        text_.remove_prefix(std::min(text_.find('\n'), text_.size()));  // TUPLTYPE and others
      }
    }
    drop_one();
  }

  std::string_view text_;
  const std::string& name_;
};

uint16_t load_big16(const char* p) {
  return static_cast<uint16_t>(static_cast<unsigned char>(p[0]) << 8 |
                               static_cast<unsigned char>(p[1]));
}

// Sample i of row `row`; `get` reads raw value i. Scaled so that the largest value fills the type.
template <class T, class Get>
void fill_row(const Header& h, T* row, int64_t count, const Get& get) {
  constexpr int64_t kFull = std::numeric_limits<T>::max();
  for (int64_t i = 0; i < count; ++i) {
    const int64_t v = std::min<int64_t>(get(i), h.max_value);
    row[i] = static_cast<T>(
        h.max_value == kFull ? v : (v * kFull * 2 + h.max_value) / (2 * h.max_value));
  }
}

void read_plain(const Header& h, Parser parser_at_pixels, Image& out) {
  const int64_t count = h.width * h.channels;
  for (int y = 0; y < out.height(); ++y) {
    const auto next = [&](int64_t) {
      const int64_t v = parser_at_pixels.sample(h.bits());
      return h.bits() ? 1 - v : v;
    };
    if (h.type() == PixelType::u8) {
      fill_row(h, out.row<uint8_t>(y), count, next);
    } else {
      fill_row(h, out.row<uint16_t>(y), count, next);
    }
  }
}

void read_floats(const Header& h, Image& out) {
  const bool swap = h.big_endian != (std::endian::native == std::endian::big);
  const size_t row_bytes = out.row_bytes();
  for (int y = 0; y < out.height(); ++y) {  // stored from the last row to the first
    auto* row = out.row<uint32_t>(out.height() - 1 - y);
    std::memcpy(row, h.pixels.data() + static_cast<size_t>(y) * row_bytes, row_bytes);
    if (swap)
      std::for_each(row, row + row_bytes / 4, [](uint32_t& v) { v = __builtin_bswap32(v); });
  }
}

void read_raw(const Header& h, Image& out, size_t row_bytes) {
  const int64_t count = h.width * h.channels;
  for (int y = 0; y < out.height(); ++y) {
    const char* p = h.pixels.data() + static_cast<size_t>(y) * row_bytes;
    if (h.kind == '4') {
      fill_row(h, out.row<uint8_t>(y), count,
               [&](int64_t x) { return 1 - ((p[x / 8] >> (7 - x % 8)) & 1); });
    } else if (h.type() == PixelType::u16) {
      fill_row(h, out.row<uint16_t>(y), count, [&](int64_t i) { return load_big16(p + 2 * i); });
    } else {
      fill_row(h, out.row<uint8_t>(y), count,
               [&](int64_t i) { return static_cast<unsigned char>(p[i]); });
    }
  }
}

std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool matches(Bytes b) {
  const std::string_view text = text_of(b);
  return text.size() >= 3 && text[0] == 'P' &&
         ((text[1] >= '1' && text[1] <= '7') || text[1] == 'f' || text[1] == 'F') &&
         (text[2] == '#' || text[2] == ' ' || (text[2] >= '\t' && text[2] <= '\r'));
}

PictureInfo probe_pnm(Bytes bytes, const std::string& name, const DecodeOptions& options) {
  const Header h = Parser(text_of(bytes), name).header(options);
  return {static_cast<int>(h.height), static_cast<int>(h.width), static_cast<int>(h.channels),
          h.type(), PictureFormat::pnm};
}

void decode_pnm(Bytes bytes, const std::string& name, const DecodeOptions& options, Image& out) {
  Parser parser(text_of(bytes), name);
  const Header h = parser.header(options);
  const int64_t row_bytes =
      h.bits() ? (h.width + 7) / 8 : h.width * h.channels * static_cast<int64_t>(size_of(h.type()));
  const int64_t least = h.plain() ? h.width * h.height : row_bytes * h.height;
  if (static_cast<int64_t>(h.pixels.size()) < least) parser.fail("it is truncated");
  out.reset(static_cast<int>(h.height), static_cast<int>(h.width), static_cast<int>(h.channels),
            h.type());
  if (h.plain()) {
    read_plain(h, parser, out);
  } else if (h.floats()) {
    read_floats(h, out);
  } else {
    read_raw(h, out, static_cast<size_t>(row_bytes));
  }
}

}  // namespace

const Format kPnm{PictureFormat::pnm, matches, probe_pnm, decode_pnm};

}  // namespace vistas::vision
