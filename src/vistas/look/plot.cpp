#include "vistas/look/plot.h"

#include <fmt/format.h>

#include <algorithm>

#include "vistas/look/html.h"

namespace vistas::look {
namespace {

constexpr const char* kStyle =
    "text{font:12px system-ui,sans-serif;fill:#6d7178}.name{font-weight:600;fill:#282a2e}"
    ".title{font-size:16px;font-weight:600;fill:#282a2e}.grid{stroke:#e3e3df}"
    ".paper{fill:#fcfcfb}";
constexpr const char* kDark =
    "text{fill:#9a9da3}.name,.title{fill:#e6e6e3}.grid{stroke:#303236}.paper{fill:#17181a}";

}  // namespace

void Axis::include(double v) {
  if (!std::isfinite(v)) return;
  low = std::min(low, v);
  high = std::max(high, v);
}

void Axis::settle() {
  if (!(low <= high)) low = 0, high = 1;
  if (low == high) low -= std::abs(low) / 2 + 0.5, high += std::abs(high) / 2 + 0.5;
}

std::vector<double> Axis::ticks(int count) const {
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

std::string tick_label(double v) {
  return fmt::format("{:.4g}", std::abs(v) < 1e-12 ? 0 : v);
}

std::string svg_page(double width, double height, const std::string& title, const std::string& body,
                     const std::string& style, const std::string& dark) {
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\">\n<style>{2}{3}@media(prefers-color-scheme:dark){{{4}{5}}}</style>\n"
      "<rect class=\"paper\" width=\"{0}\" height=\"{1}\"/>\n"
      "<text class=\"title\" x=\"20\" y=\"30\">{6}</text>\n{7}</svg>\n",
      width, height, kStyle, style, kDark, dark, escape_html(title), body);
}

}  // namespace vistas::look
