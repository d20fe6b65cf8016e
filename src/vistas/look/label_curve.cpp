#include "vistas/look/label_curve.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <set>

#include "vistas/look/html.h"
#include "vistas/look/plot.h"
#include "vistas/look/text.h"

namespace vistas::look {
namespace {

constexpr double kWidth = 640, kHeight = 400, kLeft = 66, kRight = 24, kTop = 74, kFoot = 58;
constexpr double kLegendLine = 18, kLetter = 6.6;  // of a legend: the height, a letter's width
constexpr double kTickRoom = 44;                   // pixels between labels of the x axis

struct LineColour {
  const char *light, *dark;
};
constexpr LineColour kColours[] = {
    {"#2f6fb3", "#6fa8e6"}, {"#c9622a", "#ee9a66"}, {"#2c8a58", "#66c793"}, {"#8a4fbf", "#bd93e8"},
    {"#b5303c", "#ec7f88"}, {"#1f8c96", "#62c8d1"}, {"#8a6a1c", "#d3b25a"}, {"#bf4a8c", "#ec94c4"}};
constexpr size_t kColourCount = std::size(kColours);

std::string style(bool dark) {
  std::string out;
  for (size_t i = 0; i < kColourCount; ++i) {
    const char* colour = dark ? kColours[i].dark : kColours[i].light;
    out += fmt::format(".s{0}{{fill:{1};stroke:{1}}}", i, colour);
  }
  // After the colours, which would fill lines and frame bands.
  return out +
         ".line{fill:none;stroke-width:2;stroke-linejoin:round}"
         ".band{fill-opacity:.15;stroke:none}.again{stroke-dasharray:6 4}";
}

// The classes of a line; more lines than colours are dashed.
std::string classes_of(size_t line) {
  return fmt::format("s{}{}", line % kColourCount, line >= kColourCount ? " again" : "");
}

bool spread(const LabelPoint& p) {
  return std::isfinite(p.low) && std::isfinite(p.high);
}

std::vector<LabelPoint> points_shown(const LabelLine& line) {
  std::vector<LabelPoint> out;
  for (const LabelPoint& p : line.points) {
    if (std::isfinite(p.mean) && std::isfinite(p.labels) && p.labels > 0) out.push_back(p);
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const LabelPoint& a, const LabelPoint& b) { return a.labels < b.labels; });
  return out;
}

std::string labels_text(double labels, bool shares) {
  if (shares) return fmt::format("{:.4g} %", labels * 100);
  const bool whole = labels == std::floor(labels) && labels < 1e15;
  return whole ? format_count(static_cast<int64_t>(labels)) : tick_label(labels);
}

struct Legend {
  std::string body;
  double height = 0;  // of the lines after the first
};

// Names in lines below the title.
Legend legend(const LabelCurve& curve) {
  Legend out;
  double x = kLeft, y = 56;
  for (size_t i = 0; i < curve.lines.size(); ++i) {
    const std::string name = fit(curve.lines[i].name, 60);
    const double width = 30 + kLetter * display_width(name);
    if (x > kLeft && x + width > kWidth - kRight) {
      x = kLeft;
      y += kLegendLine;
      out.height += kLegendLine;
    }
    out.body += fmt::format(
        "<path class=\"{} line\" d=\"M{:.1f} {:.1f}h20\"/><text x=\"{:.1f}\" y=\"{:.1f}\">{}"
        "</text>\n",
        classes_of(i), x, y - 4, x + 26, y, escape_html(name));
    x += width + 16;
  }
  return out;
}

// Where values are in the picture.
struct Frame {
  Axis labels, values;  // labels: their logarithm
  double top = 0, bottom = 0;

  double x(double count) const {
    return kLeft + (kWidth - kLeft - kRight) * labels.share(std::log10(count));
  }
  double y(double value) const { return bottom + (top - bottom) * values.share(value); }
};

void widen(Axis& axis, double share) {
  axis.settle();
  const double more = (axis.high - axis.low) * share;
  axis.low -= more;
  axis.high += more;
}

std::string axes(const Frame& frame, const LabelCurve& curve, const std::set<double>& labels) {
  std::string out;
  for (const double v : frame.values.ticks(5)) {
    out += fmt::format(
        "<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>"
        "<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n",
        kLeft, kWidth - kRight, frame.y(v), frame.y(v), kLeft - 8, frame.y(v) + 4, tick_label(v));
  }
  // A label where there are points, as far as there is room: shares are seldom powers of ten.
  double last = -kTickRoom;
  for (const double count : labels) {
    const double x = frame.x(count);
    if (x - last < kTickRoom) continue;
    last = x;
    out += fmt::format(
        "<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.1f}\" y2=\"{2:.1f}\"/>"
        "<text x=\"{0:.1f}\" y=\"{3:.1f}\" text-anchor=\"middle\">{4}</text>\n",
        x, frame.top, frame.bottom, frame.bottom + 18, labels_text(count, curve.shares));
  }
  const double middle = (frame.top + frame.bottom) / 2;
  return out + fmt::format(
                   "<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n"
                   "<text transform=\"translate(18 {:.1f}) rotate(-90)\" text-anchor=\"middle\">{}"
                   "</text>\n",
                   (kLeft + kWidth - kRight) / 2, frame.bottom + 42,
                   curve.shares ? "share of labels" : "number of labels", middle,
                   escape_html(curve.score));
}

// From low to high over neighbouring points that have a spread.
std::string bands(const Frame& frame, const std::vector<LabelPoint>& points,
                  const std::string& classes) {
  std::string out;
  for (size_t begin = 0; begin < points.size();) {
    size_t end = begin;
    while (end < points.size() && spread(points[end])) ++end;
    if (end == begin + 1) {
      const LabelPoint& p = points[begin];
      out += fmt::format("<path class=\"{} line\" d=\"M{:.1f} {:.1f}V{:.1f}\"/>\n", classes,
                         frame.x(p.labels), frame.y(p.low), frame.y(p.high));
    } else if (end > begin) {
      std::string path;
      for (size_t i = begin; i < end; ++i) {
        path += fmt::format("{}{:.1f} {:.1f}", i == begin ? "M" : "L", frame.x(points[i].labels),
                            frame.y(points[i].high));
      }
      for (size_t i = end; i-- > begin;) {
        path += fmt::format("L{:.1f} {:.1f}", frame.x(points[i].labels), frame.y(points[i].low));
      }
      out += fmt::format("<path class=\"{} band\" d=\"{}Z\"/>\n", classes, path);
    }
    begin = std::max(end, begin + 1);
  }
  return out;
}

std::string line_and_marks(const Frame& frame, const std::vector<LabelPoint>& points,
                           const std::string& name, const std::string& classes, bool shares) {
  std::string path, marks;
  for (const LabelPoint& p : points) {
    path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", frame.x(p.labels),
                        frame.y(p.mean));
    marks += fmt::format(
        "<circle class=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.5\"><title>{}: {} at {}</title>"
        "</circle>\n",
        classes, frame.x(p.labels), frame.y(p.mean), escape_html(name), tick_label(p.mean),
        labels_text(p.labels, shares));
  }
  if (points.size() < 2) return marks;
  return fmt::format("<path class=\"{} line\" d=\"{}\"/>\n", classes, path) + marks;
}

}  // namespace

std::string label_curve_svg(const LabelCurve& curve) {
  const Legend names = legend(curve);
  Frame frame;
  frame.top = kTop + names.height;
  frame.bottom = kHeight + names.height - kFoot;
  std::vector<std::vector<LabelPoint>> shown;
  std::set<double> labels;
  for (const LabelLine& line : curve.lines) {
    shown.push_back(points_shown(line));
    for (const LabelPoint& p : shown.back()) {
      labels.insert(p.labels);
      frame.labels.include(std::log10(p.labels));
      frame.values.include(p.mean);
      if (!spread(p)) continue;
      frame.values.include(p.low);
      frame.values.include(p.high);
    }
  }
  widen(frame.labels, 0.04);
  widen(frame.values, 0.05);
  std::string body = names.body + axes(frame, curve, labels);
  for (size_t i = 0; i < shown.size(); ++i) body += bands(frame, shown[i], classes_of(i));
  for (size_t i = 0; i < shown.size(); ++i) {
    body += line_and_marks(frame, shown[i], curve.lines[i].name, classes_of(i), curve.shares);
  }
  return svg_page(kWidth, kHeight + names.height, curve.title, body, style(false), style(true));
}

}  // namespace vistas::look
