// UTF-8 text as a terminal shows it, and numbers as people read them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace vistas::look {

// Bytes of the first character of non-empty UTF-8 text, 0 if they are not valid UTF-8.
size_t utf8_length(std::string_view text);

// Columns that UTF-8 text takes: 2 for East Asian wide characters and emoji, 0 for combining marks
// and control characters, 1 for each byte that is not UTF-8.
int display_width(std::string_view text);

// Text cut to `width` columns, the last one an ellipsis if anything was cut.
std::string fit(std::string_view text, int width);

// Text with blanks up to `width` columns; `right` puts them first.
std::string pad(std::string_view text, int width, bool right = false);

// A bar of eighth blocks that fills share (0 .. 1) of `width` columns, blanks after it.
std::string bar(double share, int width);

// One block of eight heights a value, between the smallest and the largest; NaN is a blank. More
// values than columns are averaged in groups.
std::string sparkline(std::span<const double> values, int width);

// "0.42 s", "48 s", "2 min 13 s", "3 h 05 min", "2 d 04 h"; "-" for what is not finite.
std::string format_duration(double seconds);

// "512 B", "1.2 GB": powers of 1000, three digits.
std::string format_bytes(double bytes);

// "50,000".
std::string format_count(int64_t count);

// "1 picture", "50,000 pictures".
std::string counted(int64_t count, std::string_view noun);

}  // namespace vistas::look
