#include "vistas/look/html.h"

#include <cstdint>
#include <utility>

#include "vistas/base/error.h"
#include "vistas/look/text.h"

namespace vistas::look {
namespace {

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~' || c == '/';
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    const std::string_view c = text.substr(0, length == 0 ? 1 : length);
    if (length == 0) {
      out += "\uFFFD";
    } else if (c == "&") {
      out += "&amp;";
    } else if (c == "<") {
      out += "&lt;";
    } else if (c == ">") {
      out += "&gt;";
    } else if (c == "\"") {
      out += "&quot;";
    } else if (c == "'") {
      out += "&#39;";
    } else {
      out += c;
    }
    text.remove_prefix(c.size());
  }
  return out;
}

std::string link_of_path(std::string_view path) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : path) {
    if (is_plain(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += {'%', kHex[byte >> 4], kHex[byte & 15]};
  }
  return out;
}

std::string base64(std::string_view bytes) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) {
      group = group << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0);
    }
    for (size_t j = 0; j < 4; ++j) {
      out += i + j > bytes.size() ? '=' : kDigits[group >> (18 - 6 * j) & 63];
    }
  }
  return out;
}

std::string data_uri(std::string_view bytes, const std::string& name) {
  using namespace std::string_view_literals;
  const std::pair<std::string_view, const char*> kinds[] = {
      {"\x89PNG"sv, "png"}, {"\xFF\xD8\xFF"sv, "jpeg"}, {"GIF8"sv, "gif"}, {"BM"sv, "bmp"}};
  for (const auto& [magic, type] : kinds) {
    if (bytes.starts_with(magic))
      return std::string("data:image/") + type + ";base64," + base64(bytes);
  }
  if (bytes.starts_with("RIFF"sv) && bytes.substr(0, 12).ends_with("WEBP"sv)) {
    return "data:image/webp;base64," + base64(bytes);
  }
  throw Error(ErrorKind::data, {.what = name + ": picture for a page",
                                .got = "a file that browsers do not show",
                                .expected = "PNG, JPEG, WebP, GIF or BMP",
                                .fix = "Encode it as PNG first"});
}

}  // namespace vistas::look
