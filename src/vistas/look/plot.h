// What every plot has: axes, the look of its parts, the frame of its SVG.
#pragma once

#include <cmath>
#include <string>
#include <vector>

namespace vistas::look {

struct Axis {
  double low = INFINITY, high = -INFINITY;

  void include(double v);  // what is not finite changes nothing
  void settle();           // some width, even for one value or none
  double share(double v) const { return (v - low) / (high - low); }
  // Round numbers within the axis, about `count` of them.
  std::vector<double> ticks(int count) const;
};

// Four digits.
std::string tick_label(double v);

// A whole file: title, background and style around `body`. Its classes: text, name (of a line or a
// panel), title, grid, paper; light and dark follow the reader's setting. `style` and `dark` add
// rules.
std::string svg_page(double width, double height, const std::string& title, const std::string& body,
                     const std::string& style, const std::string& dark);

}  // namespace vistas::look
