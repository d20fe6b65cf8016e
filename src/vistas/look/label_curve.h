// Scores against the number of labels, as an SVG picture: what a model learns from few of them.
#pragma once

#include <string>
#include <vector>

namespace vistas::look {

struct LabelPoint {
  double labels = 0;  // their number, or their share of all (0 .. 1); above 0
  double mean = 0;
  double low = 0, high = 0;  // the spread around the mean; not finite: none is shown
};

struct LabelLine {
  std::string name;  // of the model
  std::vector<LabelPoint> points;
};

struct LabelCurve {
  std::string title, score;  // "top-1 (%)": stands beside the axis
  bool shares = false;       // labels are shares, shown in per cent
  std::vector<LabelLine> lines;
};

// One line a model over a logarithmic axis of labels, marked at every point, on a band from low to
// high; a point that stands alone has a whisker instead. 640 wide, 400 high and more for a legend
// of many names. Points without a finite mean and a positive number of labels are left out; the
// order of points does not matter. Colours follow the reader's light or dark setting.
std::string label_curve_svg(const LabelCurve& curve);

}  // namespace vistas::look
