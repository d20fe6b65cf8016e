#include "vistas/look/curve.h"

#include <fmt/format.h>

#include <cmath>

#include "vistas/base/error.h"
#include "vistas/look/html.h"
#include "vistas/look/plot.h"

namespace vistas::look {
namespace {

constexpr double kWidth = 760, kPanel = 170, kLeft = 62, kRight = 70, kTop = 64, kSpace = 46;
constexpr const char* kStyle =
    ".line{fill:none;stroke:#2f6fb3;stroke-width:1.8;stroke-linejoin:round}.dot{fill:#2f6fb3}";
constexpr const char* kDark = ".line{stroke:#6fa8e6}.dot{fill:#6fa8e6}";

std::string panel(const Curve& curve, const Axis& steps, double top) {
  Axis values;
  for (const double v : curve.values) values.include(v);
  values.settle();
  const double inner = kWidth - kLeft - kRight;
  const auto x = [&](double step) { return kLeft + inner * steps.share(step); };
  const auto y = [&](double v) { return top + kPanel * (1 - values.share(v)); };
  std::string out = fmt::format("<text class=\"name\" x=\"{}\" y=\"{}\">{}</text>\n", kLeft,
                                top - 10, escape_html(curve.name));
  for (const double v : values.ticks(4)) {
    out += fmt::format(
        "<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>"
        "<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n",
        kLeft, kWidth - kRight, y(v), y(v), kLeft - 8, y(v) + 4, tick_label(v));
  }
  std::string path;
  bool pen_down = false;
  size_t last = curve.values.size();
  for (size_t i = 0; i < curve.values.size(); ++i) {
    const bool shown = std::isfinite(curve.values[i]) && std::isfinite(curve.steps[i]);
    if (shown) {
      path += fmt::format("{}{:.1f} {:.1f}", pen_down ? "L" : "M", x(curve.steps[i]),
                          y(curve.values[i]));
      last = i;
    }
    pen_down = shown;
  }
  if (path.empty()) return out;
  const double end_x = x(curve.steps[last]), end_y = y(curve.values[last]);
  return out +
         fmt::format(
             "<path class=\"line\" d=\"{}\"/><circle class=\"dot\" cx=\"{:.1f}\" cy=\"{:.1f}\" "
             "r=\"3\"/><text class=\"name\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n",
             path, end_x, end_y, end_x + 8, end_y + 4, tick_label(curve.values[last]));
}

}  // namespace

std::string curves_svg(const std::string& title, const std::vector<Curve>& curves) {
  Axis steps;
  for (const Curve& curve : curves) {
    if (curve.steps.size() != curve.values.size()) {
      throw Error(ErrorKind::usage, {.what = "curve " + curve.name,
                                     .got = fmt::format("{} values for {} steps",
                                                        curve.values.size(), curve.steps.size())});
    }
    for (const double s : curve.steps) steps.include(s);
  }
  steps.settle();
  std::string body;
  double top = kTop;
  for (const Curve& curve : curves) {
    body += panel(curve, steps, top);
    top += kPanel + kSpace;
  }
  const double foot = top - kSpace + 20;
  for (const double s : steps.ticks(6)) {
    body += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n",
                        kLeft + (kWidth - kLeft - kRight) * steps.share(s), foot, tick_label(s));
  }
  body += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">step</text>\n",
                      (kLeft + kWidth - kRight) / 2, foot + 20);
  return svg_page(kWidth, foot + 32, title, body, kStyle, kDark);
}

}  // namespace vistas::look
