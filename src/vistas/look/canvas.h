// A surface to draw pictures, fields and letters on.
#pragma once

#include <string>
#include <utility>

#include "vistas/look/colour.h"
#include "vistas/vision/sources/image.h"

namespace vistas::look {

// RGB, 8 bit. What reaches over the edges is cut off.
class Canvas {
 public:
  Canvas(int height, int width, const Colour& background);

  int height() const { return image_.height(); }
  int width() const { return image_.width(); }

  Colour pixel(int y, int x) const {
    const uint8_t* p = image_.row<uint8_t>(y) + 3 * x;
    return {p[0], p[1], p[2]};
  }

  void fill(const vision::Box& box, const Colour& colour);
  // A picture of any type and channels into `to`: the mean of its pixels that fall on each target
  // pixel, weighted by overlap; enlarging by a whole factor this repeats pixels. `behind` shows
  // through where the picture is transparent.
  void draw(const vision::ImageView& picture, const vision::Box& to, const Colour& behind);
  // Letters of font.h, of kGlyphHeight * scale pixels.
  void write(const std::string& text, int top, int left, int scale, const Colour& ink);

  vision::Image take() { return std::move(image_); }

 private:
  vision::Image image_;
};

// How many times the letters of font.h are enlarged on a picture of this size: by whole factors,
// about a line of 25 on the shorter side.
int letter_scale(int height, int width);

int text_width(const std::string& text, int scale);

// ASCII, one letter a character, cut to `width` pixels with two dots.
std::string letters(const std::string& text, int width, int scale);

}  // namespace vistas::look
