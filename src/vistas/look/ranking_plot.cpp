#include "vistas/look/ranking_plot.h"

#include <fmt/format.h>

#include "vistas/look/html.h"
#include "vistas/look/plot.h"
#include "vistas/look/text.h"

namespace vistas::look {
namespace {

constexpr double kWidth = 720, kLeft = 230, kRight = 40, kTop = 56, kRow = 26, kFoot = 56;

std::string style(const char* mark, const char* reference) {
  return fmt::format(
      ".mark{{fill:{0};stroke:{0};stroke-width:2}}.is{{fill:{1};stroke:{1};stroke-width:2}}"
      ".level{{stroke:{1};stroke-dasharray:4 4}}",
      mark, reference);
}

std::string row(const RankedLine& line, const Axis& axis, double y) {
  const auto x = [&](double value) {
    return kLeft + (kWidth - kLeft - kRight) * axis.share(value);
  };
  std::string out =
      fmt::format("<text class=\"name\" x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n",
                  kLeft - 14, y + 4, escape_html(fit(line.name, 32)));
  if (!std::isfinite(line.mean)) return out;
  const char* kind = line.reference ? "is" : "mark";
  if (std::isfinite(line.low) && std::isfinite(line.high)) {
    out += fmt::format("<path class=\"{}\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>\n", kind, x(line.low), y,
                       x(line.high));
  }
  return out + fmt::format(
                   "<circle class=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\"><title>{}: {}</title>"
                   "</circle>\n",
                   kind, x(line.mean), y, escape_html(line.name), tick_label(line.mean));
}

}  // namespace

std::string ranking_svg(const RankingPlot& plot) {
  Axis axis;
  for (const RankedLine& line : plot.lines) {
    axis.include(line.mean);
    axis.include(line.low);
    axis.include(line.high);
  }
  axis.settle();
  const double margin = (axis.high - axis.low) * 0.05;
  axis.low -= margin;
  axis.high += margin;
  const double bottom = kTop + kRow * static_cast<double>(plot.lines.size());
  std::string body;
  for (const double v : axis.ticks(6)) {
    const double x = kLeft + (kWidth - kLeft - kRight) * axis.share(v);
    body += fmt::format(
        "<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2:.1f}\"/>"
        "<text x=\"{0:.1f}\" y=\"{3:.1f}\" text-anchor=\"middle\">{4}</text>\n",
        x, kTop, bottom, bottom + 18, tick_label(v));
  }
  for (const RankedLine& line : plot.lines) {
    if (!line.reference || !std::isfinite(line.mean)) continue;
    const double x = kLeft + (kWidth - kLeft - kRight) * axis.share(line.mean);
    body += fmt::format(
        "<line class=\"level\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" "
        "y2=\"{2:.1f}\"/>\n",
        x, kTop, bottom);
  }
  for (size_t i = 0; i < plot.lines.size(); ++i) {
    body += row(plot.lines[i], axis, kTop + kRow * (static_cast<double>(i) + 0.5));
  }
  body += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n",
                      (kLeft + kWidth - kRight) / 2, bottom + 42, escape_html(plot.score));
  return svg_page(kWidth, bottom + kFoot, plot.title, body, style("#2f6fb3", "#c9622a"),
                  style("#6fa8e6", "#ee9a66"));
}

}  // namespace vistas::look
