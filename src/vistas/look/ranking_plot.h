// Scores of what was tried, the best first, as an SVG picture.
#pragma once

#include <string>
#include <vector>

namespace vistas::look {

struct RankedLine {
  std::string name;
  double mean = 0;
  double low = 0, high = 0;  // the spread around the mean; not finite: none is shown
  bool reference = false;    // what the others are compared with
};

struct RankingPlot {
  std::string title, score;  // "kNN (%)": stands below the axis
  std::vector<RankedLine> lines;
};

// A row each in the order given: its name, a mark at the mean and a line from low to high. A broken
// line goes down from the mean of the reference. 720 wide, 26 high a row. Rows without a finite
// mean have a name alone. Colours follow the reader's light or dark setting.
std::string ranking_svg(const RankingPlot& plot);

}  // namespace vistas::look
