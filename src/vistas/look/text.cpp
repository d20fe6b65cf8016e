#include "vistas/look/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace vistas::look {
namespace {

struct Character {
  char32_t code;
  size_t bytes;
};

// The first character of non-empty text; a byte that starts no valid sequence stands for itself.
Character first_character(std::string_view text) {
  const size_t length = utf8_length(text);
  if (length == 0) return {U'\uFFFD', 1};
  const auto head = static_cast<unsigned char>(text[0]);
  char32_t code = length == 1 ? head : head & (0x7Fu >> length);
  for (const char c : text.substr(1, length - 1)) {
    code = (code << 6) | (static_cast<unsigned char>(c) & 0x3Fu);
  }
  return {code, length};
}

struct CodeRange {
  char32_t first, last;
};

// The common blocks of Unicode's combining marks and joiners, and of wide characters.
constexpr CodeRange kZero[] = {
    {0x00, 0x1F},     {0x7F, 0x9F},     {0x300, 0x36F},    {0x483, 0x489},   {0x591, 0x5BD},
    {0x610, 0x61A},   {0x64B, 0x65F},   {0x93C, 0x93C},    {0x941, 0x948},   {0xE31, 0xE31},
    {0xE34, 0xE3A},   {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF},  {0x200B, 0x200F}, {0x20D0, 0x20FF},
    {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xE0100, 0xE01EF}};
constexpr CodeRange kWide[] = {{0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0x33FF},
                               {0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xA000, 0xA4CF},
                               {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},
                               {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},   {0x1F300, 0x1F64F},
                               {0x1F680, 0x1F6FF}, {0x1F900, 0x1FAFF}, {0x20000, 0x3FFFD}};

int width_of(char32_t code) {
  const auto in = [&](const CodeRange& r) { return code >= r.first && code <= r.last; };
  if (std::any_of(std::begin(kZero), std::end(kZero), in)) return 0;
  return std::any_of(std::begin(kWide), std::end(kWide), in) ? 2 : 1;
}

// The longest head of `text` within `width` columns, in bytes.
size_t head_within(std::string_view text, int width) {
  size_t at = 0;
  while (at < text.size()) {
    const Character c = first_character(text.substr(at));
    width -= width_of(c.code);
    if (width < 0) break;
    at += c.bytes;
  }
  return at;
}

}  // namespace

size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char head = byte(0);
  const size_t length = head < 0x80                   ? 1
                        : head >= 0xC2 && head < 0xE0 ? 2
                        : head >> 4 == 14             ? 3
                        : head >= 0xF0 && head < 0xF5 ? 4
                                                      : 0;
  if (length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if (byte(i) >> 6 != 2) return 0;
  }
  // Overlong forms, surrogates and what lies beyond Unicode.
  if ((head == 0xE0 && byte(1) < 0xA0) || (head == 0xED && byte(1) >= 0xA0) ||
      (head == 0xF0 && byte(1) < 0x90) || (head == 0xF4 && byte(1) >= 0x90)) {
    return 0;
  }
  return length;
}

int display_width(std::string_view text) {
  int width = 0;
  while (!text.empty()) {
    const Character c = first_character(text);
    width += width_of(c.code);
    text.remove_prefix(c.bytes);
  }
  return width;
}

std::string fit(std::string_view text, int width) {
  if (width <= 0) return "";
  if (display_width(text) <= width) return std::string(text);
  return std::string(text.substr(0, head_within(text, width - 1))) + "…";
}

std::string pad(std::string_view text, int width, bool right) {
  const std::string blanks(static_cast<size_t>(std::max(0, width - display_width(text))), ' ');
  return right ? blanks + std::string(text) : std::string(text) + blanks;
}

std::string bar(double share, int width) {
  static constexpr std::array kEighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const double filled = std::isfinite(share) ? std::clamp(share, 0.0, 1.0) * width : 0;
  const int eighths = static_cast<int>(std::lround(filled * 8));
  std::string out;
  for (int i = 0; i < eighths / 8; ++i) out += "█";
  out += kEighths[static_cast<size_t>(eighths % 8)];
  return pad(out, width);
}

std::string sparkline(std::span<const double> values, int width) {
  static constexpr std::array kHeights = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const size_t columns = std::min(values.size(), static_cast<size_t>(std::max(width, 0)));
  std::vector<double> heights(columns);
  double low = INFINITY, high = -INFINITY;
  for (size_t i = 0; i < columns; ++i) {
    const size_t begin = i * values.size() / columns, end = (i + 1) * values.size() / columns;
    for (size_t j = begin; j < end; ++j) heights[i] += values[j] / static_cast<double>(end - begin);
    if (!std::isfinite(heights[i])) continue;
    low = std::min(low, heights[i]);
    high = std::max(high, heights[i]);
  }
  std::string out;
  for (const double height : heights) {
    const double share = high > low ? (height - low) / (high - low) : 0.5;
    out += std::isfinite(height) ? kHeights[static_cast<size_t>(std::lround(share * 7))] : " ";
  }
  return out;
}

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "-";
  if (seconds < 0.9995e-3) return fmt::format("{:.3g} us", seconds * 1e6);
  if (seconds < 0.09995) return fmt::format("{:.3g} ms", seconds * 1e3);
  if (seconds < 9.95) return fmt::format("{:.2g} s", seconds);
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  const int64_t minutes = whole / 60;
  if (minutes < 24 * 60) return fmt::format("{} h {:02} min", minutes / 60, minutes % 60);
  return fmt::format("{} d {:02} h", minutes / (24 * 60), minutes / 60 % 24);
}

std::string format_bytes(double bytes) {
  static constexpr std::array kUnits = {"B", "kB", "MB", "GB", "TB", "PB"};
  size_t unit = 0;
  // 999.5 of a unit would print as 1e+03.
  while (std::abs(bytes) >= 999.5 && unit + 1 < kUnits.size()) {
    bytes /= 1000;
    ++unit;
  }
  return fmt::format("{:.3g} {}", bytes, kUnits[unit]);
}

std::string format_count(int64_t count) {
  std::string digits = fmt::to_string(count);
  const int64_t first = count < 0 ? 1 : 0;
  for (int64_t at = static_cast<int64_t>(digits.size()) - 3; at > first; at -= 3) {
    digits.insert(static_cast<size_t>(at), 1, ',');
  }
  return digits;
}

std::string counted(int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", format_count(count), noun, count == 1 ? "" : "s");
}

}  // namespace vistas::look
