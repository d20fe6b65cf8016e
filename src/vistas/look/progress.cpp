#include "vistas/look/progress.h"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "vistas/look/text.h"

namespace vistas::look {
namespace {

constexpr int kBarWidth = 12;

struct Part {
  std::string text;
  int keep;  // parts with the smallest number are left out first
};

}  // namespace

std::string progress_line(const Progress& p, int width) {
  const double done = p.steps > 0 ? static_cast<double>(p.step) / static_cast<double>(p.steps) : 0;
  std::vector<Part> parts = {
      {fmt::format("epoch {}/{}", p.epoch, p.epochs), 5},
      {"▕" + bar(done, kBarWidth) + "▏", 2},
      {fmt::format("step {}/{}", p.step, p.steps), 9},
  };
  if (!std::isnan(p.loss)) parts.push_back({fmt::format("loss {:.4f}", p.loss), 8});
  if (!std::isnan(p.learning_rate)) parts.push_back({fmt::format("lr {:.3g}", p.learning_rate), 1});
  if (p.images_per_second > 0) {
    const auto rate = static_cast<int64_t>(std::llround(p.images_per_second));
    parts.push_back({format_count(rate) + " images/s", 3});
  }
  parts.push_back({fmt::format("waiting {:.0f} %", p.waiting * 100), 4});
  if (p.seconds_left >= 0) parts.push_back({format_duration(p.seconds_left) + " left", 7});
  if (!p.health.empty()) parts.push_back({p.health, 6});

  for (int dropped = 0;; ++dropped) {
    std::string line;
    for (const Part& part : parts) {
      if (part.keep > dropped) line += (line.empty() ? "" : "  ") + part.text;
    }
    if (display_width(line) <= width || dropped == 8) return fit(line, width);
  }
}

}  // namespace vistas::look
