// Curves over training steps as an SVG picture.
#pragma once

#include <string>
#include <vector>

namespace vistas::look {

struct Curve {
  std::string name;                   // "loss", "kNN top-1 (%)": stands above its own panel
  std::vector<double> steps, values;  // as long as each other; what is not finite leaves a gap
};

// One panel a curve, below each other over a common axis of steps; the last value is written at
// the end of the line. Colours follow the reader's light or dark setting.
std::string curves_svg(const std::string& title, const std::vector<Curve>& curves);

}  // namespace vistas::look
