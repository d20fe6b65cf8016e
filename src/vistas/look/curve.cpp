#include "vistas/look/curve.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "vistas/base/error.h"
#include "vistas/look/html.h"

namespace vistas::look {
namespace {

constexpr double kWidth = 760, kPanel = 170, kLeft = 62, kRight = 70, kTop = 64, kSpace = 46;
constexpr const char* kStyle =
    "text{font:12px system-ui,sans-serif;fill:#6d7178}.name{font-weight:600;fill:#282a2e}"
    ".title{font-size:16px;font-weight:600;fill:#282a2e}.grid{stroke:#e3e3df}"
    ".line{fill:none;stroke:#2f6fb3;stroke-width:1.8;stroke-linejoin:round}.dot{fill:#2f6fb3}"
    ".paper{fill:#fcfcfb}"
    "@media(prefers-color-scheme:dark){text{fill:#9a9da3}.name,.title{fill:#e6e6e3}"
    ".grid{stroke:#303236}.line{stroke:#6fa8e6}.dot{fill:#6fa8e6}.paper{fill:#17181a}}";

struct Axis {
  double low = INFINITY, high = -INFINITY;

  void include(double v) {
    if (!std::isfinite(v)) return;
    low = std::min(low, v);
    high = std::max(high, v);
  }
  void settle() {  // some width, even for one value or none
    if (!(low <= high)) low = 0, high = 1;
    if (low == high) low -= std::abs(low) / 2 + 0.5, high += std::abs(high) / 2 + 0.5;
  }
  double share(double v) const { return (v - low) / (high - low); }

  // Round numbers within the axis, about `count` of them.
  std::vector<double> ticks(int count) const {
    const double rough = (high - low) / count;
    const double power = std::pow(10, std::floor(std::log10(rough)));
    const double unit = rough / power < 1.5   ? 1
                        : rough / power < 3.5 ? 2
                        : rough / power < 7.5 ? 5
                                              : 10;
    const double step = unit * power;
    std::vector<double> out;
    for (double i = std::ceil(low / step - 1e-9); i * step <= high + step * 1e-9; ++i) {
      out.push_back(i * step);
    }
    return out;
  }
};

std::string label(double v) {
  return fmt::format("{:.4g}", std::abs(v) < 1e-12 ? 0 : v);
}

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
        kLeft, kWidth - kRight, y(v), y(v), kLeft - 8, y(v) + 4, label(v));
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
             path, end_x, end_y, end_x + 8, end_y + 4, label(curve.values[last]));
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
                        kLeft + (kWidth - kLeft - kRight) * steps.share(s), foot, label(s));
  }
  const double height = foot + 32;
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\">\n<style>{2}</style>\n<rect class=\"paper\" width=\"{0}\" height=\"{1}\"/>\n"
      "<text class=\"title\" x=\"20\" y=\"30\">{3}</text>\n{4}"
      "<text x=\"{5}\" y=\"{6}\" text-anchor=\"middle\">step</text>\n</svg>\n",
      kWidth, height, kStyle, escape_html(title), body, (kLeft + kWidth - kRight) / 2, foot + 20);
}

}  // namespace vistas::look
