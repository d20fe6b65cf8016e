// Colours of what is drawn; the colour and the name of each class.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace vistas::look {

struct Colour {
  uint8_t red = 0, green = 0, blue = 0;
  bool operator==(const Colour&) const = default;
};

constexpr Colour kPaper = {252, 252, 251}, kInk = {40, 42, 46};

constexpr int kPaletteSize = 40;

// The colour of class 0, 1 ..: 40 that tell apart, then the same again; a negative class is grey.
// After the first five each is the colour farthest in OKLab, as most people and as deuteranopes see
// it, from those before it and from black, white and grey.
Colour class_colour(int64_t label);

// names[label], or the label itself where there is no such name.
std::string class_name(int64_t label, std::span<const std::string> names);

// The better readable of kInk and kPaper for letters on `field`.
Colour letters_on(const Colour& field);

}  // namespace vistas::look
